"""A prepared dataset: one pickle and its card, how they are built and how they are read."""
