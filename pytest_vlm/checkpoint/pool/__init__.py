"""Loaded checkpoints: leased, kept while there is room, dropped for others."""
