"""What surrounds a training loop: the curves and predictions that it leaves."""
