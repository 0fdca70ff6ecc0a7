"""Goldens: accepted relevance maps, compared as numbers and reviewed as pictures."""

GOLDENS = "goldens"  # the folder, where no other is named
