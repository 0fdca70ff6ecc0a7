"""Paired answers from the four counts they come down to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Paired = Callable[..., dict[str, list[int]]]


@pytest.fixture(scope="session")
def paired() -> Paired:
    """Both sides' answers, as the keywords of ``compare``."""

    def make(*, b: int = 0, c: int = 0, both: int = 0, neither: int = 0) -> dict[str, list[int]]:
        return {
            "baseline": [1] * b + [0] * c + [1] * both + [0] * neither,
            "candidate": [0] * b + [1] * c + [1] * both + [0] * neither,
        }

    return make
