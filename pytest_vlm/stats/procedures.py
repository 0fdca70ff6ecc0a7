"""Which test a kind of score gets, and what may stand in for it on request."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pytest_vlm.errors import StatisticsError
from pytest_vlm.kinds import Better, Kind
from pytest_vlm.stats.arguments import generator_of
from pytest_vlm.stats.betting import Betting
from pytest_vlm.stats.means import PairedMeans
from pytest_vlm.stats.paired_test import PairedTest, Procedure
from pytest_vlm.stats.pairs import PairedValues
from pytest_vlm.stats.proportions import PairedProportions
from pytest_vlm.stats.ratios import PairedRatios
from pytest_vlm.stats.resampling import Bootstrapped, SignFlips
from pytest_vlm.stats.result import Target
from pytest_vlm.stats.sequential import EarlyStopping, Stream

Method = Literal["auto", "exact", "score", "betting", "permutation", "bca"]
Sequential = Literal["anytime"] | Stream
METHODS: dict[Kind, tuple[Method, ...]] = {
    "binary": ("auto", "exact", "score", "betting"),
    "bounded": ("auto", "betting", "permutation", "bca"),
    "positive": ("auto", "permutation", "bca"),
}


def find_test(
    pairs: PairedValues,
    *,
    kind: Kind,
    better: Better,
    bounds: tuple[float, float],
    method: Method,
) -> PairedTest:
    """The pairs as their kind of score sees them.

    Raises:
        StatisticsError: a method that this kind does not have, or values that it cannot have.
    """
    if method not in METHODS[kind]:
        known = ", ".join(METHODS[kind])
        raise StatisticsError(f"unknown method {method!r} for a {kind} score; known are {known}")
    if kind == "binary":
        own = method if method in ("exact", "score") else "auto"
        return PairedProportions.of(pairs, better, own)
    if kind == "bounded":
        return PairedMeans.of(pairs, better, bounds)
    return PairedRatios.of(pairs, better)


def find_procedure(
    test: PairedTest,
    *,
    method: Method,
    sequential: Sequential | None,
    target: Target,
    rng: int | np.random.Generator,
) -> Procedure | EarlyStopping:
    """The test itself, or what was asked for instead.

    Raises:
        StatisticsError: early stopping of what has no bounds, or together with another method; or
            a target that asks for it.
    """
    generator = generator_of(rng)
    if sequential is not None:
        return _early_stopping(test, method, sequential, target, generator)
    if target == "dataset":
        raise StatisticsError('target="dataset" needs sequential="anytime"')
    if method == "betting":
        return Betting(test.clusters)
    if isinstance(test, PairedMeans) and method == "permutation":
        return SignFlips(test, generator)
    if isinstance(test, PairedMeans) and method == "bca":
        return Bootstrapped(test, generator)
    return test


def _early_stopping(
    test: PairedTest,
    method: Method,
    sequential: Sequential,
    target: Target,
    rng: np.random.Generator,
) -> EarlyStopping:
    if method not in ("auto", "betting"):
        raise StatisticsError(f'sequential takes no other method, found method="{method}"')
    if test.clusters.reach == 0:
        raise StatisticsError("a positive score has no bounds to bet within; leave out sequential=")
    if isinstance(sequential, Stream):
        return EarlyStopping(test.clusters, sequential, target)
    if sequential == "anytime":
        return EarlyStopping(test.clusters.permuted(rng), target=target)
    raise StatisticsError(f'sequential must be "anytime" or a Stream, found {sequential!r}')
