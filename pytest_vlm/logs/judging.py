"""How logged answers are judged: anew by a score of ours, or as the tool itself did."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_vlm.errors import LogError, SettingsError
from pytest_vlm.logs.entries import LoggedAnswers
from pytest_vlm.logs.pairing import PairedLogs
from pytest_vlm.scores.catalogue import find_score
from pytest_vlm.scores.score import Case, Score, ScoreValue

RECORDED = "log:"
MISTAKES = re.compile(
    r"(^|[^a-z])(wer|cer|ter|mae|mse|rmse|errors?|loss|perplexity|brier(_score)?|bits_per_byte|"
    r"(edit_)?dist(ance)?|hallucination(_rate)?)($|[^a-z])",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class LoggedScore:
    """A score of logged answers.

    Attributes:
        score: name, kind, direction and bounds; of a metric of the logs not its values.
        metric: of the logs; empty where the score judges anew.
    """

    score: Score
    metric: str = ""

    @classmethod
    def find(
        cls,
        name: str,
        logs: PairedLogs,
        *,
        bounds: tuple[float, float] | None = None,
        lower_is_better: bool = False,
    ) -> LoggedScore:
        """The score of a name: one of ours, or ``log:METRIC``.

        Args:
            name: of the score.
            logs: both of them.
            bounds: smallest and largest possible value of the metric.
            lower_is_better: whether the metric counts mistakes.

        Raises:
            LogError: a log does not have the metric, or has values outside the bounds.
            SettingsError: there is no such score, or the metric's direction is in doubt.
        """
        if name.startswith(RECORDED):
            metric = name.removeprefix(RECORDED)
            return cls(score=_recorded(metric, logs, bounds, lower_is_better), metric=metric)
        if bounds or lower_is_better:
            raise SettingsError(
                f"{name} knows its bounds and direction; --bounds and --lower-is-better are for "
                "metrics of the logs: --score log:METRIC"
            )
        return cls(score=find_score(name))

    def values(self, log: LoggedAnswers, places: Sequence[int]) -> list[ScoreValue]:
        """Of the answers at some places of a log."""
        if self.metric:
            recorded = log.recorded[self.metric]
            return [ScoreValue(value=recorded[i], reason="not in the log") for i in places]
        return self.score(
            [Case(sample=log.samples[i], prediction=log.predictions[i]) for i in places]
        )


def _recorded(
    metric: str, logs: PairedLogs, bounds: tuple[float, float] | None, lower_is_better: bool
) -> Score:
    low, high = bounds or (0.0, 1.0)
    if not low < high:
        raise SettingsError(f"--bounds: {low:g} is not below {high:g}")
    values: list[float] = []
    for log in (logs.baseline, logs.candidate):
        if metric not in log.recorded:
            there = ", ".join(f"{RECORDED}{name}" for name in log.recorded) or "none"
            raise LogError(f"{log.name} has no metric {metric!r}; there is {there}")
        values += [value for value in log.recorded[metric] if value is not None]
    outside = next((value for value in values if not low <= value <= high), None)
    if outside is not None:
        raise LogError(
            f"the metric {metric!r} is {outside:g} somewhere, which is not between {low:g} and "
            f"{high:g}; say what it lies between, such as --bounds 0 100"
        )
    if MISTAKES.search(metric) and not lower_is_better:
        raise SettingsError(f"{metric!r} seems to count mistakes; add --lower-is-better")

    def judged_by_the_tool(case: Case) -> float | None:
        return None

    return Score(
        name=f"{metric} (log)",
        kind="binary" if bounds is None and set(values) <= {0.0, 1.0} else "bounded",
        better="lower" if lower_is_better else "higher",
        bounds=(low, high),
        needs=frozenset(),
        judge=judged_by_the_tool,
    )
