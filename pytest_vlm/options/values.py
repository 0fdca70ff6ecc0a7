"""From what is written on a command line to the value that is meant."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_vlm.checkpoint.inputs import KINDS_OF_INPUT
from pytest_vlm.errors import SettingsError


def text(value: Any) -> str:
    """Any text."""
    return str(value)


def count(value: Any) -> int:
    """A whole number above 0."""
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise SettingsError(f"{value!r} is not a number above 0")
    return number


def whole_number(value: Any) -> int:
    """Any whole number."""
    try:
        return int(value)
    except ValueError:
        raise SettingsError(f"{value!r} is not a whole number") from None


def temperature(value: Any) -> float:
    """0 or more."""
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise SettingsError(f"{value!r} is not a temperature; 0 is greedy, 0.7 is usual")
    return number


def error_rate(value: Any) -> float:
    """Between 0 and 0.5."""
    try:
        rate = float(value)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 0.5:
        raise SettingsError(f"{value!r} is not an error rate between 0 and 0.5, such as 0.05")
    return rate


def factor(value: Any) -> float:
    """Above 0."""
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise SettingsError(f"{value!r} is not a number above 0, such as 2")
    return number


def samples_source(value: Any) -> Path | str:
    """A path, or a dataset of the hub."""
    return str(value) if str(value).startswith("hf:") else Path(value)


def one_of(*known: str) -> Callable[[Any], str]:
    """One of some words."""

    def convert(value: Any) -> str:
        if value not in known:
            raise SettingsError(f"{value!r} is unknown; choose from {', '.join(known)}")
        return str(value)

    return convert


def kinds_of_input(value: Any) -> frozenset[str]:
    """Some of what makes a question, by commas."""
    given = frozenset(word.strip() for word in str(value).split(","))
    if given - set(KINDS_OF_INPUT):
        unknown = sorted(given - set(KINDS_OF_INPUT))[0]
        raise SettingsError(f"{unknown!r} is unknown; choose from {', '.join(KINDS_OF_INPUT)}")
    return given
