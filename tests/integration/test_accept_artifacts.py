"""From a red run to a green one by way of a downloaded report folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

SUITE = """
def test_map(golden, relevance, samples):
    golden("map").check(relevance(samples[0]))

def test_picture(golden):
    golden("page").check_image("page.png")
"""
MAP, PAGE = "test_suite.test_map/map", "test_suite.test_picture/page"


@pytest.fixture(autouse=True)
def not_in_ci(monkeypatch):
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def downloaded(project, suite):
    """The report of a run in CI, as another machine gets it."""
    suite(SUITE)
    project.samples(3)
    shutil.copy("1.png", "page.png")
    result = project.gate(project.checkpoint("A"), project.checkpoint("B"))
    assert result.ret == 1
    assert not (project.path / "goldens").exists()
    hidden = shutil.ignore_patterns(".*")  # what services leave out of an artifact
    shutil.copytree(project.path / "vlm-report", project.path / "artifact", ignore=hidden)
    shutil.rmtree(project.path / "vlm-report")
    return project.path / "artifact"


def accept(project, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = (
        "import sys; from pytest_vlm.__main__ import main\n"
        "code = main(['accept', *sys.argv[1:]])\n"
        "assert not {'torch', 'transformers', 'pytest'} & set(sys.modules)\n"
        "sys.exit(code)"
    )
    return subprocess.run(
        [sys.executable, "-c", command, *arguments],
        cwd=project.path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def test_accepted_from_the_artifact_the_next_run_passes(project, downloaded):
    done = accept(project, "artifact", "--all", "--reason", "both are right")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"accepted goldens/{id}" for id in (MAP, PAGE)]
    page = project.path / "goldens" / f"{PAGE}.png"
    assert page.read_bytes() == (project.path / "page.png").read_bytes()
    assert not page.with_suffix(".npz").exists()
    for id in (MAP, PAGE):
        described = json.loads((project.path / "goldens" / f"{id}.json").read_text())
        assert described["reason"] == "both are right"
        assert described["checkpoint"] == "B"
        assert described["accepted_by"]
    project.gate(project.checkpoint("A"), project.checkpoint("B"))
    goldens = [r for r in project.report()["records"] if r["kind"] == "GoldenRecord"]
    assert [golden["verdict"] for golden in goldens] == ["pass", "pass"]


def test_the_command_that_the_run_prints_works(project, downloaded):
    records = json.loads((downloaded / "run.json").read_text())["records"]
    commands = [record["accept"] for record in records if record["kind"] == "GoldenRecord"]
    assert len(commands) == 2
    for command in commands:
        words = command.split()
        assert words[:5] == ["python", "-m", "pytest_vlm", "accept", "vlm-report"]
        assert accept(project, "artifact", *words[5:]).returncode == 0
    assert {path.name for path in (project.path / "goldens").glob("*/*")} == {
        "map.json", "map.npz", "map.png", "page.json", "page.png"
    }  # fmt: skip


def test_a_picture_that_differs_is_accepted_too(project, downloaded):
    assert accept(project, "artifact", "--all").returncode == 0
    shutil.copy("2.png", "page.png")
    assert project.gate(project.checkpoint("A"), project.checkpoint("B")).ret == 1
    done = accept(project, "vlm-report", PAGE)
    assert (done.returncode, done.stderr) == (0, "")
    page = project.path / "goldens" / f"{PAGE}.png"
    assert page.read_bytes() == (project.path / "2.png").read_bytes()
    replaced = json.loads(page.with_suffix(".json").read_text())["replaced"]
    assert set(replaced) == {"digest", "accepted"}


def test_half_a_download_is_refused_and_the_other_half_accepted(project, downloaded):
    path = downloaded / "pending/B" / f"{MAP}.npz"
    path.write_bytes(path.read_bytes()[:100])
    done = accept(project, "artifact", "--all")
    assert done.returncode == 2
    assert done.stderr.startswith(f"refused: {MAP} of B: map.npz cannot be used")
    assert done.stdout == f"accepted goldens/{PAGE}\n"
