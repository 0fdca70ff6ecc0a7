"""How much memory a test takes, and whether that is too much."""
