"""Numbers of a command line: a wrong one is refused in a line that says what is allowed."""

from __future__ import annotations

import argparse

from pytest_vlm.errors import SettingsError

LARGEST_COUNT = 10**9


def margin_of(options: argparse.Namespace) -> float:
    """The margin that was given.

    Raises:
        SettingsError: it is none.
    """
    allowed = "a loss from 0.001 to 0.9, such as 0.05 for five points"
    return number(options, "margin", 0.001, 0.9, allowed)


def share(options: argparse.Namespace, name: str) -> float:
    """A share.

    Raises:
        SettingsError: it is none.
    """
    return number(options, name, 0, 1, "a share from 0 to 1, such as 0.1")


def count(options: argparse.Namespace, name: str) -> int:
    """A whole number above 0.

    Raises:
        SettingsError: it is none.
    """
    allowed = "a whole number above 0"
    value = number(options, name, 1, LARGEST_COUNT, allowed)
    if value != int(value):
        raise _refused(options, name, allowed)
    return int(value)


def number(options: argparse.Namespace, name: str, low: float, high: float, allowed: str) -> float:
    """A number that was given as text.

    Raises:
        SettingsError: it is not in the range; with the option and what is allowed.
    """
    try:
        value = float(getattr(options, name))
    except ValueError:
        raise _refused(options, name, allowed) from None
    if not low <= value <= high:
        raise _refused(options, name, allowed)
    return value


def _refused(options: argparse.Namespace, name: str, allowed: str) -> SettingsError:
    return SettingsError(f"--{name.replace('_', '-')} {getattr(options, name)} is not {allowed}")
