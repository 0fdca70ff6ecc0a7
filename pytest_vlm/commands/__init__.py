"""The commands of ``python -m pytest_vlm``, a module each."""
