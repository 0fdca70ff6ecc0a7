"""Inputs that should be refused, looked at in a process of its own, with its peak of memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LOOK = """
import json, sys
from pathlib import Path

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024

{imports}
found = {{}}
for name, given in json.loads(Path(sys.argv[1]).read_text()).items():
    Path("/proc/self/clear_refs").write_text("5")
    try:
        {statement}
        kind, message = "accepted", ""
    except BaseException as error:
        kind, message = type(error).__name__, str(error)
    found[name] = {{"kind": kind, "message": message, "peak": peak()}}
found[""] = {{name: name in sys.modules for name in ("torch", "peft")}}
print(json.dumps(found))
"""


Build = Callable[[Path], Any]


class Rows(dict[str, tuple[Build, str]]):
    """What is refused, by name: what builds it, and a pattern of the message."""

    def add(self, message: str) -> Callable[[Build], Build]:
        """Take in the decorated function, named like the row."""

        def keep(build: Build) -> Build:
            self[build.__name__.replace("_", " ")] = (build, message)
            return build

        return keep


def look_at(
    given: Mapping[str, str], folder: Path, *, imports: str, statement: str
) -> dict[str, Any]:
    """What a process without torch says of each.

    Args:
        given: by name; the statement finds it as `given`.
        folder: where the process runs; empty.
        imports: of the statement.
        statement: that should raise.

    Returns:
        By name ``kind`` of the error (``accepted`` without one), ``message`` and ``peak`` in bytes;
        under the empty name which libraries were imported.
    """
    rows = folder / "rows.json"
    rows.write_text(json.dumps(given))
    process = subprocess.run(
        [sys.executable, "-c", LOOK.format(imports=imports, statement=statement), str(rows)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert not process.stderr
    found: dict[str, Any] = json.loads(process.stdout)
    return found
