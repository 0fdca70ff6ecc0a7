"""Goldens of pictures: read as they are, compared, and drawn for a review."""
