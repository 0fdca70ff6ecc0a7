"""Goldens as files: names, variants, and writing that no kill leaves half done."""
