"""What checkpoints lie below a folder, from names and headers alone."""

from pytest_vlm.checkpoint.discovery.search import discover

__all__ = ["discover"]
