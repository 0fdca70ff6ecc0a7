"""The cells of `calibration.py`: what is measured, and the limits it is held against."""
