"""Which of the found checkpoints is the best, and which two to compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_vlm.errors import SettingsError

if TYPE_CHECKING:
    from pytest_vlm.checkpoint.discovery.found import Found

LOWER = ("loss", "error", "perplexity", "wer", "cer", "ter", "mae", "mse", "rmse")
LOGGED = ("learning_rate", "grad_norm", "total_flos")
SPEED = ("_runtime", "_per_second", "_compilation_time", "_seen")
USUAL = ("eval_loss", "overall", "loss")
GATED = ("model", "trainer")  # what --checkpoint takes

Better = Literal["lower", "higher"]


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Checkpoints, and the metric by which they are compared.

    Attributes:
        found: all of them, in order.
        metric: None where none is known.
        better: which way it is better.
    """

    found: tuple[Found, ...]
    metric: str | None
    better: Better

    @property
    def usable(self) -> tuple[Found, ...]:
        """Those that have no problem."""
        return tuple(one for one in self.found if not one.problem)

    @property
    def judged(self) -> tuple[str, ...]:
        """The metrics that say how good a checkpoint is, not how fast it was made."""
        return tuple(name for name in known_metrics(self.found) if _is_judgement(name))

    @property
    def best(self) -> Found | None:
        """The best one; of equal ones the first. None where no metric is known."""
        return self.best_of(self.usable)

    def best_of(self, some: Sequence[Found]) -> Found | None:
        """The best of some; None where none of them has the metric."""
        known = [one for one in some if math.isfinite(self.value(one))]
        sign = 1 if self.better == "lower" else -1
        return min(known, key=lambda one: sign * self.value(one), default=None)

    def value(self, one: Found) -> float:
        """Its metric; nan where it has none."""
        return math.nan if self.metric is None else one.metrics.get(self.metric, math.nan)

    @property
    def pair(self) -> tuple[str, tuple[Found, Found]] | None:
        """Which two to compare, in words and themselves; the baseline first."""
        gated = [one for one in self.usable if one.kind in GATED]
        if len(gated) < 2:
            return None
        best, last = self.best_of(gated), gated[-1]
        if best is not None and best is not last:
            return "the best and the last", (best, last)
        return "the last two", (gated[-2], last)


def rank(found: tuple[Found, ...], *, metric: str | None, better: Better | None) -> Ranking:
    """Rank checkpoints.

    Args:
        found: in order.
        metric: None for ``eval_loss``, or else what comes nearest to it.
        better: None for what the metric's name tells.

    Raises:
        SettingsError: no checkpoint has the metric.
    """
    known = known_metrics(found)
    if metric is None:
        judged = [name for name in known if name.startswith("eval_") and _is_judgement(name)]
        metric = next((name for name in (USUAL[0], *judged, *USUAL) if name in known), None)
    elif metric not in known:
        which = f"known are: {', '.join(known)}" if known else "none of them has any metric"
        raise SettingsError(f"no checkpoint here has the metric {metric!r}; {which}")
    return Ranking(found=found, metric=metric, better=better or _better(metric or ""))


def known_metrics(found: Sequence[Found]) -> tuple[str, ...]:
    """All metrics of all of them, by name."""
    return tuple(sorted({name for one in found for name in one.metrics}))


def _better(metric: str) -> Better:
    """A loss or an error is better when it is lower."""
    return "lower" if metric.lower().rpartition("_")[2].endswith(LOWER) else "higher"


def _is_judgement(metric: str) -> bool:
    return metric not in LOGGED and not metric.endswith(SPEED)
