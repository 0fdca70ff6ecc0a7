"""Engines: what turns samples into predictions and relevance maps."""
