"""Relevance maps: the value, its metrics and its pictures."""
