"""Time and memory of a batch; measured anew, in turns, when a suite claims something about them.

``compare(samples, score=latency).assert_not_worse(margin=0.05)`` allows 1.05 times as much. A value
is that of a whole batch, from decoded pictures to text. A checkpoint that says more takes longer;
`tokens_per_second` tells that from being slower, so a suite should claim both.
"""

from __future__ import annotations

from collections.abc import Callable

from pytest_vlm.evaluation.predictions import Measurement
from pytest_vlm.scores.score import Case, Score


def _measured(case: Case) -> Measurement:
    if case.prediction.measurement is None:
        raise ValueError("it was not measured")
    return case.prediction.measurement


def _seconds(case: Case) -> float:
    return _measured(case).seconds


def _first_token(case: Case) -> float | None:
    return _measured(case).first_token


def _tokens_per_second(case: Case) -> float | None:
    measured = _measured(case)
    return measured.tokens / measured.seconds if measured.tokens else None


def _peak(case: Case) -> float | None:
    return _measured(case).peak


def _positive(
    name: str, judge: Callable[[Case], float | None], *, more_is_better: bool = False
) -> Score:
    return Score(
        name=name,
        kind="positive",
        better="higher" if more_is_better else "lower",
        bounds=(0.0, float("inf")),
        needs=frozenset({"measurement"}),
        judge=judge,
    )


latency = _positive("latency", _seconds)
"""Seconds a batch; lower is better."""

time_to_first_token = _positive("time to first token", _first_token)
"""Seconds until the first token of every row of a batch; lower is better."""

tokens_per_second = _positive("tokens per second", _tokens_per_second, more_is_better=True)
"""New tokens of a batch over its seconds; higher is better."""

peak_memory = _positive("peak memory", _peak)
"""Most bytes in use on the device during a batch, weights included; lower is better.

Weights of other checkpoints that are loaded beside it do not count, as far as it does not share
them. On the CPU it is the resident memory of the process, libraries included.
"""
