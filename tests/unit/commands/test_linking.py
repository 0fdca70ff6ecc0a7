"""Paths to click, in the terminals that can."""

from __future__ import annotations

import pytest

from pytest_vlm.commands.linking import can_link, say_path


@pytest.mark.parametrize(
    ("environment", "can"),
    [
        ({}, False),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode"}, True),
        ({"TERM": "dumb", "TERM_PROGRAM": "vscode"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "WT_SESSION": "a-b-c"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4999"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7200"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "new"}, False),
    ],
)
def test_which_terminals_can(environment, can):
    assert can_link(environment) is can


def test_a_path_is_linked_whole_and_shown_short(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    say_path("new: ", tmp_path / "a b\x1b.png", {"TERM": "xterm-kitty"})
    target = f"{tmp_path.as_uri()}/a%20b%1B.png"
    shown = "a b\N{REPLACEMENT CHARACTER}.png"
    assert capsys.readouterr().out == f"new: \x1b]8;;{target}\x1b\\{shown}\x1b]8;;\x1b\\\n"


def test_other_terminals_get_no_codes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    say_path("new: ", tmp_path / "a\x1b.png", {"TERM": "dumb"})
    assert capsys.readouterr().out == "new: a\N{REPLACEMENT CHARACTER}.png\n"
