"""What the speed tables rest on: ours and the references, measured side by side."""
