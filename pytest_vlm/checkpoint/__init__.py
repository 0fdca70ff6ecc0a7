"""Checkpoints: named, inspected without loading, loaded a few at a time."""
