"""Progress is drawn on a terminal, through pytest's capturing, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")


def command(project) -> list[str]:
    given = [f"--checkpoint={project.checkpoint(n, accuracy=0.9)}" for n in "AB"]
    options = ["--vlm-engine=fake", "--vlm-samples=samples.jsonl"]
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, *given]


def test_a_terminal_sees_the_bar_and_the_verdict(project, suite):
    suite()
    project.samples()
    own, other = pty.openpty()
    process = subprocess.Popen(command(project), cwd=project.path, stdout=other, stderr=other)
    os.close(other)
    shown = b""
    while True:
        try:
            read = os.read(own, 65536)
        except OSError:
            break
        if not read:
            break
        shown += read
    assert process.wait() == 0
    text = shown.decode()
    assert "A: answers" in text
    assert "64/100" in text
    assert "iB in use" in text
    assert "SHIP  B against A" in text


def test_a_log_file_sees_no_bar(project, suite):
    suite()
    project.samples()
    done = subprocess.run(
        command(project), cwd=project.path, capture_output=True, text=True, check=True
    )
    assert "answers" not in done.stdout.replace("test_answers", "")
