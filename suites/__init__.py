"""Suites for any pair of checkpoints; the wheel ships them as ``pytest_vlm.suites``."""
