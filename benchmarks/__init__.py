"""Measure our code and the references side by side, for the speed tables."""
