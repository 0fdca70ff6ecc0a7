"""What a command prints can neither colour nor move anything by itself."""

from __future__ import annotations

import io
import sys

from pytest_vlm.commands.saying import printable, say


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")

    def isatty(self):
        return True

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


def test_control_characters_are_replaced():
    assert printable("a\x1b[2Jb\x9b\u202ec\ud800\nd\te") == "a�[2Jb��c�\nd\te"


def test_what_the_terminal_cannot_show_is_replaced(monkeypatch):
    terminal = Terminal("latin-1")
    monkeypatch.setattr(sys, "stdout", terminal)
    say("± 图")
    assert terminal.text() == "± ?\n"


def test_colours_only_where_somebody_looks_and_wants_them(monkeypatch, capsys):
    say("plain", {"red": True})
    assert capsys.readouterr().out == "plain\n"
    terminal = Terminal("utf-8")
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    say("held", {"red": True, "bold": True})
    monkeypatch.setenv("NO_COLOR", "1")
    say("plain", {"red": True})
    assert terminal.text() == "\x1b[1;31mheld\x1b[0m\nplain\n"
