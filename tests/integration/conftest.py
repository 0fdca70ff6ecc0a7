"""A project as a user would have it, with scripted checkpoints that need no model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# pytester forgets modules that an inner run imported; compiled ones must not be imported twice.
import scipy.special  # noqa: F401
from PIL import Image

import pytest_vlm.report.html
import pytest_vlm.session  # noqa: F401

ANSWERS = """
import pytest
from pytest_vlm.scores import exact_match, pointing_game

def test_answers(compare, samples):
    compare(samples, score=exact_match).assert_not_worse(margin=0.05)
"""


@dataclass
class Project:
    """A folder with samples, scripted checkpoints and a suite."""

    pytester: pytest.Pytester

    @property
    def path(self) -> Path:
        return self.pytester.path

    def samples(self, count: int = 100, **fields: Any) -> Path:
        """`count` samples on as many different pictures, each with a region."""
        lines = []
        for number in range(count):
            image = self.path / f"{number}.png"
            Image.new("RGB", (16, 16), (number % 256, number // 256, 7)).save(image)
            row = {
                "id": f"s{number}",
                "image": image.name,
                "query": "What is it?",
                "target": "a cat",
                "region": [0, 0, 4, 4],
            }
            lines.append(json.dumps({**row, **fields}))
        path = self.path / "samples.jsonl"
        path.write_text("\n".join(lines))
        return path

    def checkpoint(self, name: str, **script: Any) -> str:
        """``NAME=file`` of a scripted checkpoint."""
        path = self.path / f"{name}.json"
        path.write_text(json.dumps(script))
        return f"{name}={path}"

    def gate(self, *checkpoints: str, options: tuple[str, ...] = ()) -> pytest.RunResult:
        """Run pytest in the project with the fake engine."""
        given = [f"--checkpoint={checkpoint}" for checkpoint in checkpoints]
        return self.pytester.runpytest(
            "--vlm-engine=fake", "--vlm-samples=samples.jsonl", *given, *options
        )

    def report(self) -> dict[str, Any]:
        """``run.json`` of the last run."""
        content: dict[str, Any] = json.loads((self.path / "vlm-report/run.json").read_text())
        return content

    def verdicts(self) -> dict[str, str]:
        """Candidate to verdict, of the last run."""
        return {v["candidate"]: v["verdict"] for v in self.report()["verdicts"]}


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    return Project(pytester)


@pytest.fixture
def suite(project: Project) -> Callable[[str], None]:
    """Write the project's one test module."""

    def write(source: str = ANSWERS) -> None:
        project.pytester.makepyfile(test_suite=source)

    return write
