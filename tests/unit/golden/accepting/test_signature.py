"""Who accepts, when and why."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

import pytest

from pytest_vlm.golden.accepting.signature import Signature, in_ci


def test_git_knows_who():
    assert Signature.now(why="").who == "Ada <ada@example.org>"


@pytest.mark.parametrize(
    ("settings", "who"),
    [("name = Ada Lovelace", "Ada Lovelace"), ("email = ada@example.org", "ada@example.org")],
)
def test_git_may_know_half(tmp_path, settings, who):
    (tmp_path / "gitconfig").write_text(f"[user]\n  {settings}\n")
    assert Signature.now(why="").who == who


def test_without_git_it_is_the_login_name(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Signature.now(why="").who == getpass.getuser()


def test_without_settings_it_is_the_login_name(tmp_path):
    (tmp_path / "gitconfig").write_text("")
    assert Signature.now(why="").who == getpass.getuser()


def test_when_is_now_in_utc_and_why_is_one_line():
    signature = Signature.now(why=" looks\n right ")
    when = datetime.fromisoformat(signature.when)
    assert when.tzinfo == UTC
    assert 0 <= (datetime.now(UTC) - when).total_seconds() < 3600
    assert signature.why == "looks right"


@pytest.mark.parametrize(
    ("value", "is_ci"),
    [(None, False), ("", False), ("0", False), ("False", False), ("true", True), ("1", True)],
)
def test_ci_is_what_services_set(value, is_ci):
    assert in_ci({} if value is None else {"CI": value}) is is_ci
