"""``python -m pytest_vlm accept`` with a person at a real pseudo terminal."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from pytest_vlm.golden.accepting.pending import PendingFolder
from pytest_vlm.golden.storage.store import GoldenStore

pty = pytest.importorskip("pty", reason="pseudo terminals are Unix's")

SUITE = """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_map(golden, relevance, samples, number):
    golden(f"map-{number}").check(relevance(samples[number]))
"""
IDS = [f"test_suite.test_map/map-{number}" for number in range(3)]
PROMPT, WHY = "[q]uit > ", "for no reason > "
PATIENCE = 60  # seconds without a word: it hangs


def heed_interrupts() -> None:
    """What a shell starts in the background is born deaf to Ctrl-C, and so are its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A command at a pseudo terminal, of 200 columns."""

    def __init__(self, *arguments: str, cwd: Path, **environment: str) -> None:
        self.said = ""
        self._own, theirs = pty.openpty()
        kept = {k: v for k, v in os.environ.items() if k not in ("CI", "TERM_PROGRAM")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest_vlm", "accept", *arguments],
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**kept, "TERM": "dumb", "NO_COLOR": "1", **environment},
            start_new_session=True,
            preexec_fn=heed_interrupts,
        )
        os.close(theirs)

    def expect(self, text: str) -> str:
        """Wait for the text, and give what was said up to it since the last time."""
        while text not in self.said:
            new = self._read()
            assert new, f"ended without {text!r}: {self.said}"
            self.said += new
        before, _, self.said = self.said.partition(text)
        return before

    def type(self, line: str) -> None:
        os.write(self._own, f"{line}\n".encode())

    def press(self, key: bytes) -> None:
        os.write(self._own, key)

    def interrupt(self) -> None:
        """Press Ctrl-C until something happens, as a person would.

        Between a prompt and its reading Python takes no notice.
        """
        for _ in range(PATIENCE):
            if select.select([self._own], [], [], 1)[0]:
                return
            self._process.send_signal(signal.SIGINT)
        raise AssertionError(f"it does not heed Ctrl-C: {self.said}")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._own)

    def end(self) -> tuple[int, str]:
        """Exit status, and what was said last."""
        while new := self._read():
            self.said += new
        return self._process.wait(PATIENCE), self.said.replace("\r\n", "\n")

    def _read(self) -> str:
        assert select.select([self._own], [], [], PATIENCE)[0], f"it hangs: {self.said}"
        try:
            return os.read(self._own, 65536).decode()
        except OSError:  # Linux says so where the other end is closed
            return ""


@pytest.fixture(autouse=True)
def not_in_ci(monkeypatch):
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def report(project, suite):
    """A run with three goldens that are missing."""
    suite(SUITE)
    project.samples(3)
    project.gate(project.checkpoint("A"), project.checkpoint("B"))
    return project.path / "vlm-report"


@pytest.fixture
def accepted(project) -> GoldenStore:
    return GoldenStore(project.path / "goldens")


@pytest.fixture
def terminal(project):
    with ExitStack() as opened:

        def start(*arguments: str, **environment: str) -> Terminal:
            one = Terminal("vlm-report", *arguments, cwd=project.path, **environment)
            opened.callback(one.close)
            return one

        yield start


def waiting(report: Path) -> list[str]:
    return [one.id for one in PendingFolder(report).goldens()]


def test_accept_reject_skip(report, accepted, terminal):
    one = terminal()
    shown = one.expect(PROMPT)
    assert f"1 of 3  {IDS[0]}  B" in shown
    assert "No golden was accepted yet" in shown
    picture = re.search(r"new +(vlm-report/pending/B/\S+\.png)", shown)
    assert picture
    assert (report.parent / picture[1]).read_bytes().startswith(b"\x89PNG")
    one.type("a")
    one.expect(WHY)
    one.type("looks right")
    assert f"accepted goldens/{IDS[0]}" in one.expect("2 of 3")
    one.expect(PROMPT)
    one.type("reject")
    assert "rejected" in one.expect("3 of 3")
    one.expect(PROMPT)
    one.type("s")
    code, said = one.end()
    assert code == 0
    assert said.splitlines()[-1] == "1 accepted, 1 rejected, 1 skipped; 1 still pending"
    assert accepted.ids() == IDS[:1]
    assert accepted.load(IDS[0]).provenance.reason == "looks right"
    assert waiting(report) == IDS[2:]


def test_the_reason_is_asked_for_once(report, accepted, terminal):
    one = terminal()
    for number in range(3):
        one.expect(PROMPT)
        one.type("a")
        if number == 0:
            one.expect(WHY)
            one.type("all the same")
    assert one.end()[0] == 0
    assert {accepted.load(id).provenance.reason for id in IDS} == {"all the same"}


def test_a_reason_that_was_given_is_not_asked_for(report, accepted, terminal):
    one = terminal("--reason", "given")
    one.expect(PROMPT)
    one.type("all")
    code, said = one.end()
    assert code == 0
    assert said.splitlines()[-1] == "3 accepted; 0 still pending"
    assert {accepted.load(id).provenance.reason for id in IDS} == {"given"}
    assert waiting(report) == []


def test_whatever_else_is_said_accepts_nothing(report, accepted, terminal):
    one = terminal("--reason", "given")
    one.expect(PROMPT)
    for answer in ("", "y", "A ll", "accept all", "\x1b[A"):
        one.type(answer)
        assert "skip    decide later" in one.expect(PROMPT)
    one.type("q")
    code, said = one.end()
    assert code == 0
    assert said.splitlines()[-1] == "nothing decided; 3 still pending"
    assert accepted.ids() == []
    assert waiting(report) == IDS


@pytest.mark.parametrize(("end", "code"), [("ctrl-c", 130), ("ctrl-d", 0), ("quit", 0)])
def test_what_was_decided_stays_decided(report, accepted, terminal, end, code):
    one = terminal("--reason", "given")
    one.expect(PROMPT)
    one.type("a")
    one.expect(PROMPT)
    one.type("r")
    one.expect(PROMPT)
    if end == "ctrl-c":
        one.interrupt()
    elif end == "ctrl-d":
        one.press(b"\x04")
    else:
        one.type("quit")
    ended, said = one.end()
    assert ended == code
    assert said.splitlines()[-1] == "1 accepted, 1 rejected; 1 still pending"
    assert "Traceback" not in said
    assert accepted.ids() == IDS[:1]
    assert waiting(report) == IDS[2:]


def test_ctrl_c_instead_of_a_reason_accepts_nothing(report, accepted, terminal):
    one = terminal()
    one.expect(PROMPT)
    one.type("a")
    one.expect(WHY)
    one.interrupt()
    assert one.end()[0] == 130
    assert accepted.ids() == []
    assert waiting(report) == IDS


def test_numbers_and_all_pictures_of_a_golden_that_differs(project, report, terminal, accepted):
    pair = project.checkpoint("A", looks="away"), project.checkpoint("B", looks="inside")
    project.gate(*reversed(pair), options=("--vlm-accept-goldens",))
    project.gate(*pair)
    one = terminal()
    shown = one.expect(PROMPT)
    assert re.search(r"Pearson -?\d\.\d{4} \(limit 0\.994\)", shown)
    for words in ("new", "golden", "difference"):
        found = re.search(rf"^  {words} +(\S+\.png)\r?$", shown, re.M)
        assert found, words
        assert (project.path / found[1]).is_file()


def test_links_where_the_terminal_can(report, terminal):
    one = terminal(TERM="xterm-kitty")
    shown = one.expect(PROMPT)
    links = re.findall(r"\x1b\]8;;file://(/\S+?\.png)\x1b\\(\S+?)\x1b\]8;;\x1b\\", shown)
    assert links
    for target, words in links:
        assert Path(target) == report.parent / words
        assert Path(target).is_file()


def test_all_is_of_one_candidate(project, report, accepted, terminal):
    project.gate(*(project.checkpoint(name) for name in "ABC"))
    one = terminal("--reason", "given")
    one.expect(PROMPT)
    one.type("all")
    shown = one.expect(PROMPT)
    assert f"4 of 6  {IDS[0]}  C" in shown
    assert "B's was accepted a moment ago; this one would replace it" in shown
    one.type("q")
    assert one.end()[1].splitlines()[-1] == "3 accepted; 3 still pending"
    assert {accepted.load(id).provenance.checkpoint for id in IDS} == {"B"}


def test_a_damaged_one_is_passed_by(report, accepted, terminal):
    (report / f"pending/B/{IDS[0]}.npz").write_bytes(b"damaged")
    one = terminal("--reason", "given")
    assert f"refused: {IDS[0]} of B: map-0.npz cannot be used" in one.expect(PROMPT)
    one.type("all")
    code, said = one.end()
    assert code == 2
    assert said.splitlines()[-1] == "1 refused, 2 accepted; 0 still pending"
    assert accepted.ids() == IDS[1:]


def test_what_cannot_be_removed_is_said(report, terminal):
    (report / "pending/B/test_suite.test_map/.map-0.decided").mkdir()  # its mark has no place
    one = terminal()
    one.expect(PROMPT)
    one.type("r")
    assert "cannot be removed" in one.expect(PROMPT)
    assert waiting(report) == IDS


def test_in_ci_a_terminal_is_not_enough(report, accepted, terminal):
    code, said = terminal(CI="true").end()
    assert code == 2
    assert "CI is set" in said
    assert accepted.ids() == []


def test_what_is_piped_is_a_list(report, project):
    command = [sys.executable, "-m", "pytest_vlm", "accept", "vlm-report"]
    done = subprocess.run(
        command, cwd=project.path, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["B:", *(f"  {id}" for id in IDS)]
