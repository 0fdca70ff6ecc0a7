"""The folder of a run: evidence and pending goldens while it goes on, the report at its end."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_vlm.gate.plan import PlannedTest
    from pytest_vlm.report.model import RunReport

OWNED = ".gitignore"
OWNED_TEXT = "# Made by pytest-vlm; every run writes this folder anew.\n*\n"
PLAN, JSON, PAGE = "collected.json", "run.json", "index.html"
ANEW = ("evidence", "pending")


class RunFolder:
    """Written by the controller and, for evidence and the plan, by xdist's workers."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self) -> None:
        """Make the folder and drop what an earlier run left: no old evidence is reviewed.

        A folder that was not made here keeps everything that is not written again.

        Raises:
            OSError: it cannot be made or written to.
        """
        if not self.path.exists():
            self.path.mkdir(parents=True)
            (self.path / OWNED).write_text(OWNED_TEXT, encoding="utf-8")
        with tempfile.TemporaryFile(dir=self.path):
            pass
        if (self.path / OWNED).exists():
            for name in ANEW:
                shutil.rmtree(self.path / name, ignore_errors=True)
        for name in (PLAN, JSON, PAGE):
            (self.path / name).unlink(missing_ok=True)

    def leave_plan(self, planned: Sequence[PlannedTest], deselected: int, worker: str) -> None:
        """What a worker collected, for the controller, which collects nothing itself."""
        content = {"deselected": deselected, "planned": [asdict(test) for test in planned]}
        self.path.mkdir(parents=True, exist_ok=True)
        own = self.path / f"{PLAN}.{worker}"
        own.write_text(json.dumps(content), encoding="utf-8")
        own.replace(self.path / PLAN)

    def take_plan(self) -> tuple[list[PlannedTest], int]:
        """What a worker left: the tests and how many were deselected; nothing without workers."""
        from pytest_vlm.gate.plan import PlannedTest

        path = self.path / PLAN
        if not path.exists():
            return [], 0
        content = json.loads(path.read_text(encoding="utf-8"))
        path.unlink()
        return [PlannedTest(**test) for test in content["planned"]], int(content["deselected"])

    def write(self, report: RunReport) -> None:
        """``run.json`` and ``index.html``."""
        from pytest_vlm.report.html import render_page

        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / JSON).write_text(json.dumps(report.to_json(), indent=1), encoding="utf-8")
        (self.path / PAGE).write_text(
            render_page(report, self.path), encoding="utf-8", errors="replace"
        )
