"""What the gate does not do, and what would come of it; and how often it notices what is there."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from calibrated.draws import alike, discordant, equal_clusters, skewed
from calibrated.enumerated import fewest_wins, passed, probability, reach
from calibrated.row import ENUMERATED, Row, at_most
from pytest_vlm.stats import compare
from pytest_vlm.stats.distributions import normal_quantile, student_tail
from pytest_vlm.stats.sequential import Stream

MARGIN, ALPHA = 0.05, 0.05
PROMPTS, COMPLETIONS = 120, 4
NAIVE, POWER = "Naive versions, which must fail", "Power"
FIVE = equal_clusters(5)


def _rate(decide: Callable[[np.random.Generator, int], bool]) -> Callable[[int, int], float]:
    """The share of replicates in which something is decided."""

    def measure(n: int, replicates: int) -> float:
        rng = np.random.default_rng(n)
        return sum(decide(rng, n) for _ in range(replicates)) / replicates

    return measure


def clusters_ignored(rng: np.random.Generator, n: int) -> bool:
    """Five questions an image, in half of the images all alike, taken for independent ones."""
    before, after = alike(discordant(0.15, -MARGIN), FIVE, 0.5)(rng, n)
    found = compare(baseline=before, candidate=after, claim="not_worse", margin=MARGIN, ceiling=1.1)
    return found.verdict == "pass"


def sorted_stream(rng: np.random.Generator, n: int, *, shuffled: bool = False) -> bool:
    """Early stopping in a dataset whose hard questions come last."""
    before, after = discordant(0.1, -MARGIN)(rng, n)
    order = rng.permutation(n) if shuffled else np.argsort(before - after, kind="stable")
    found = compare(
        baseline=before[order],
        candidate=after[order],
        claim="not_worse",
        margin=MARGIN,
        sequential=Stream.of([1] * n),
        ceiling=1.1,
    )
    return found.verdict == "pass"


def completions_counted(rng: np.random.Generator, n: int, *, averaged: bool = False) -> bool:
    """Four completions of each of n prompts taken for 4 n samples, of equally good checkpoints."""
    before = rng.beta(0.4, 0.4, (n, 1))
    after = np.where(rng.random((n, 1)) < 0.3, 1 - before, before)
    a, b = (rng.random((n, COMPLETIONS)) < p for p in (before, after))
    sides: dict[str, Any] = {"baseline": a.ravel(), "candidate": b.ravel()}
    if averaged:
        sides = {"baseline": a.mean(1), "candidate": b.mean(1), "kind": "bounded"}
    return compare(claim="no_regression", mde=0.5, **sides).verdict == "fail"


def wilcoxon(rng: np.random.Generator, n: int) -> bool:
    """A test of symmetry taken for one of the mean."""
    from scipy.stats import wilcoxon as test

    before, after = skewed(rng, n)
    return bool(test(after - before, alternative="greater").pvalue <= ALPHA)


def unpaired(rng: np.random.Generator, n: int) -> bool:
    """Two proportions, as if other questions had been asked."""
    before, after = discordant(0.1, -0.05)(rng, n)
    wrong = (before == after) & (rng.random(n) < 0.2)
    before, after = before - wrong, after - wrong
    a, b = before.mean(), after.mean()
    error = math.sqrt((a * (1 - a) + b * (1 - b)) / n)
    return bool((b - a) / error <= -normal_quantile(ALPHA))


def wald(b: int, c: int, n: int, *, student: bool = False) -> bool:
    """Whether the difference lies so many of its own standard errors above the margin."""
    difference = (c - b) / n
    squares = (b + c) / n - difference**2
    error = math.sqrt(max(squares, 0.0) / (n - 1 if student else n))
    if error == 0:
        return difference > -MARGIN
    t = (difference + MARGIN) / error
    return student_tail(t, n - 1) <= ALPHA if student else t >= normal_quantile(ALPHA)


def _wald(n: int, _: int, *, rate: float, student: bool) -> float:
    fewest = fewest_wins(lambda b, c: wald(b, c, n, student=student), n, reach(n))
    return probability(fewest, n, rate, -MARGIN)


def any_of(claims: int, alpha: float) -> Callable[[int, int], float]:
    """The chance that one of several independent claims finds a regression of nothing."""

    def measure(n: int, _: int) -> float:
        return 1 - (1 - passed(n, "worse", 0.0, 0.1, 0.0, alpha=alpha)) ** claims

    return measure


def _naive(
    name: str, measure: Callable[[int, int], float], *sizes: int, low: float, **how: Any
) -> Row:
    high = at_most(1.0)
    return Row(section=NAIVE, name=name, measure=measure, sizes=sizes, low=low, high=high, **how)


def _instead(name: str, measure: Callable[[int, int], float], n: int, **how: Any) -> Row:
    return Row(section=NAIVE, name=f"— instead: {name}", measure=measure, sizes=(n,), **how)


def rows() -> list[Row]:
    """Naive versions with what the gate does instead, and the power of some claims."""
    exact = {"most": ENUMERATED}
    counted, ordered = completions_counted, sorted_stream
    found = [
        _naive("clusters of 5 taken for 500 samples", _rate(clusters_ignored), 500, low=0.13),
        _naive("a sorted stream", _rate(ordered), 500, low=0.95, most=400),
        _instead("shuffled", _rate(partial(ordered, shuffled=True)), 500, most=400),
        _naive("4 completions for 4 samples", _rate(counted), PROMPTS, low=0.1, most=4000),
        _instead("averaged", _rate(partial(counted, averaged=True)), PROMPTS, most=4000),
        _naive("Wilcoxon for a mean", _rate(wilcoxon), 200, low=0.9, most=2000),
    ]
    for student, test in ((False, "Wald"), (True, "t")):
        for rate, sizes in ((0.05, (30, 60)), (0.1, (30,))):
            name = f"{test}, not worse, {100 * rate:g} % differ"
            measure = partial(_wald, rate=rate, student=student)
            found.append(_naive(name, measure, *sizes, low=0.09, **exact))
    for claims, low in ((5, 0.2), (20, 0.58)):
        naive, corrected = any_of(claims, ALPHA), any_of(claims, ALPHA / claims)
        found += [
            _naive(f"{claims} claims, none corrected", naive, 500, low=low, **exact),
            _instead("Bonferroni", corrected, 500, high=at_most(0.055), **exact),
        ]
    return [*found, *_powers()]


def _powers() -> list[Row]:
    def row(name: str, measure: Callable[[int, int], float], low: float, high: float) -> Row:
        return Row(
            section=POWER,
            name=name,
            measure=measure,
            sizes=(200,),
            most=ENUMERATED,
            low=low,
            high=at_most(high),
        )

    def shown(claim: str, difference: float, method: str = "auto") -> Callable[[int, int], float]:
        return lambda n, _: passed(n, claim, MARGIN, 0.1, difference, method=method)

    return [
        row("worse, mid-p McNemar, 10 % differ, -5 points", shown("worse", -0.05), 0.72, 0.76),
        Row(
            section=POWER,
            name="— the same, unpaired",
            measure=_rate(unpaired),
            sizes=(200,),
            low=0.15,
            high=at_most(0.25),
        ),
        row(
            "not worse, Tango's score, 10 % differ, no difference",
            shown("not_worse", 0.0, "score"),
            0.68,
            0.72,
        ),
        row("— the same, exact unconditional", shown("not_worse", 0.0), 0.6, 0.72),
    ]
