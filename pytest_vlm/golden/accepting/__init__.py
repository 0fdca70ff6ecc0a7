"""Accepting what a run left pending: from its artifacts, as untrusted files, with a signature."""
