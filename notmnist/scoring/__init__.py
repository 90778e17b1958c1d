"""How predictions are scored: intervals, calibration, and files of predictions. Arrays in."""
