"""What surrounds a training loop: the curves it leaves, its progress and its checkpoints."""
