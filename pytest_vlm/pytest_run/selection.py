"""Why a run was not the whole one: a part of the tests, of the samples, or of their meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_vlm.settings import Settings


def left_out(session: pytest.Session, settings: Settings, *, deselected: int) -> list[str]:
    """A reason for each thing that was left out; empty for a whole run."""
    config = session.config
    option, here = config.option, config.invocation_params.dir
    ignored = [path for path in option.ignore or () if (here / path).exists()]
    ignored += option.ignore_glob or ()
    reasons = [
        (deselected > 0, f"{deselected} tests were deselected"),
        (bool(getattr(option, "lf", False)), "only the last failed tests were run (--lf)"),
        (any("::" in arg for arg in config.args), "single tests were named"),
        (bool(ignored), f"paths were left out (--ignore {' '.join(map(str, ignored))})"),
        (bool(session.shouldfail or session.shouldstop), "the run was stopped early"),
        (settings.accept_goldens, "maps were accepted as goldens, not compared"),
        (settings.limit is not None, f"only the first {settings.limit} samples were asked"),
    ]
    return [reason for holds, reason in reasons if holds]
