"""``python -m pytest_vlm cache`` after a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_vlm.__main__ import main


@pytest.fixture
def used(project, suite) -> Path:
    """The folder of a cache that one run has filled."""
    suite()
    project.samples()
    project.gate(project.checkpoint("A", accuracy=0.9), project.checkpoint("B", accuracy=0.92))
    return Path(os.environ["XDG_CACHE_HOME"]) / "pytest-vlm"


def test_stats_prune_and_verify(used, capsys):
    assert main(["cache", "stats"]) == 0
    said = capsys.readouterr().out
    assert "answers" in said
    assert "200" in said
    assert main(["cache", "verify"]) == 0
    assert "is whole" in capsys.readouterr().out
    assert main(["cache", "prune", "--days", "30"]) == 0
    assert "deleted 0 answers" in capsys.readouterr().out
    assert main(["cache", "prune", "--max-size", "1 B", "--dry-run"]) == 0
    assert "would delete 200 answers" in capsys.readouterr().out
    assert main(["cache", "prune", "--max-size", "1 B"]) == 0
    assert "deleted 200 answers" in capsys.readouterr().out
    main(["cache", "stats"])
    assert "200" not in capsys.readouterr().out


def test_verify_ends_with_1_where_something_was_damaged(used, capsys):
    [database] = used.glob("cache-*.sqlite")
    content = bytearray(database.read_bytes())
    content[content.index(b"a cat") + 1] ^= 1
    database.write_bytes(bytes(content))
    assert main(["cache", "verify"]) == 1
    assert "1 damaged entries were dropped" in capsys.readouterr().out
    assert main(["cache", "verify"]) == 0


def test_verify_ends_with_1_where_the_whole_file_was_damaged(used, capsys):
    [database] = used.glob("cache-*.sqlite")
    database.write_bytes(b"garbage" * 1000)
    assert main(["cache", "verify"]) == 1
    said = capsys.readouterr()
    assert "is damaged" in said.out
    assert said.err.count("put aside") == 1
    assert main(["cache", "verify"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["prune"], "say what may go"),
        (["prune", "--max-size", "much"], "not a size"),
        (["prune", "--days", "-1"], "in the future"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, said, capsys):
    assert main(["cache", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_nothing_kept_is_no_error(capsys, tmp_path):
    for action in ("stats", "verify"):
        assert main(["cache", action, "--cache-dir", str(tmp_path / "none")]) == 0
        assert "nothing is kept" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()
    assert main(["cache", "stats", "--cache-dir", str(tmp_path)]) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_ends_it_quietly(used):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pytest_vlm", "cache", "stats"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_its_help_teaches_and_imports_no_torch():
    command = [sys.executable, "-X", "importtime", "-m", "pytest_vlm", "cache", "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "torch" not in done.stderr
    assert "prune --days 30 --max-size 5GB" in done.stdout
