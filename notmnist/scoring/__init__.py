"""How predictions are scored: intervals, calibration, detection, files and lists. Arrays in."""
