"""pytest-vlm: is this vision-language checkpoint at least as good as the last one?

The package is a set of plain modules that work with or without pytest:

- ``pytest_vlm.session.Session`` loads checkpoints, evaluates samples and records claims,
- ``pytest_vlm.stats.compare`` decides a claim on plain arrays,
- ``pytest_vlm.plugin`` is the pytest side of it.

Importing this package imports nothing else: no numpy, no torch, no transformers.
"""

__version__ = "0.1.0"
