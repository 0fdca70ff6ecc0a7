"""Goldens: accepted relevance maps, compared as numbers and reviewed as pictures."""
