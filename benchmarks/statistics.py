"""Run `statistics_speed.py`; for everybody else this is the standard library's ``statistics``.

    python benchmarks/statistics.py [--rounds 15]

A script's own folder comes first on Python's path, so the other benchmarks, and what they import,
find this file where they ask for that module.
"""

import sys

if __name__ == "__main__":
    from statistics_speed import main

    sys.exit(main())

import sysconfig
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

_spec = PathFinder.find_spec("statistics", [sysconfig.get_path("stdlib")])
assert _spec is not None and _spec.loader is not None
sys.modules[__name__] = module_from_spec(_spec)
_spec.loader.exec_module(sys.modules[__name__])
