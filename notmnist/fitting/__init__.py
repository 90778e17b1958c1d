"""Support training loops with curves, progress and checkpoints."""
