"""Early stopping through `compare`: verdicts, where they fall, and how often they are wrong."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_vlm.errors import StatisticsError
from pytest_vlm.stats import Stream, compare

NOT_WORSE = {"claim": "not_worse", "margin": 0.05, "sequential": "anytime"}


def draw(rng, n, *, discordant=0.1, difference=0.0, right=0.8):
    """Both sides' answers with these rates."""
    kind = rng.choice(
        3, size=n, p=[(discordant - difference) / 2, (discordant + difference) / 2, 1 - discordant]
    )
    same = (rng.random(n) < right).astype(int)
    return np.where(kind == 0, 1, np.where(kind == 1, 0, same)), np.where(
        kind == 0, 0, np.where(kind == 1, 1, same)
    )


WORSE = {"claim": "no_regression", "mde": 0.05, "sequential": "anytime"}


@pytest.mark.parametrize(
    ("claim", "difference", "samples"),
    [(NOT_WORSE, 0.0, 300), (NOT_WORSE, 0.02, 160), (WORSE, -0.1, 70), (WORSE, -0.2, 35)],
)
def test_expected_samples_to_a_verdict(claim, difference, samples):
    rng, used = np.random.default_rng(0), []
    for seed in range(40):
        before, after = draw(rng, 2000, discordant=max(0.1, abs(difference)), difference=difference)
        used.append(compare(baseline=before, candidate=after, rng=seed, **claim).n_used)
    assert np.mean(used) == pytest.approx(samples, rel=0.25)


def test_errs_no_more_often_than_alpha_though_it_looks_after_every_pair():
    rng, passed = np.random.default_rng(1), 0
    for seed in range(300):
        before, after = draw(rng, 500, difference=-0.05)
        result = compare(baseline=before, candidate=after, rng=seed, **NOT_WORSE)
        passed += result.verdict == "pass"
    assert passed <= 23


def test_a_sorted_dataset_is_shuffled_first():
    """Wins first, then losses, well below the margin: looked at in this order it would pass."""
    before, after = [0] * 60 + [1] * 140 + [1] * 800, [1] * 60 + [0] * 140 + [1] * 800
    verdicts = {
        compare(baseline=before, candidate=after, rng=s, **NOT_WORSE).verdict for s in range(20)
    }
    assert "pass" not in verdicts
    naive = {**NOT_WORSE, "sequential": Stream(n=1000, n_clusters=1000, largest_cluster=1)}
    assert compare(baseline=before, candidate=after, **naive).verdict == "pass"


def test_stops_in_failure_only_where_the_loss_exceeds_the_margin():
    """A small loss, clearly there: worse, but acceptable."""
    rng = np.random.default_rng(2)
    before, after = draw(rng, 4000, discordant=0.03, difference=-0.02)
    assert compare(baseline=before, candidate=after, **NOT_WORSE).verdict == "pass"
    worse = compare(
        baseline=before, candidate=after, claim="no_regression", mde=0.05, sequential="anytime"
    )
    assert (worse.verdict, worse.alternative) == ("fail", "less")


def test_no_regression_passes_only_when_everything_was_seen():
    before, after = draw(np.random.default_rng(3), 1000, discordant=0.02)
    claim = {"claim": "no_regression", "mde": 0.08}
    whole = compare(baseline=before, candidate=after, **claim, sequential="anytime")
    assert (whole.verdict, whole.stopped_at, whole.n_used) == ("pass", None, 1000)
    begun = Stream(n=2000, n_clusters=2000, largest_cluster=1)
    part = compare(baseline=before, candidate=after, **claim, sequential=begun)
    assert (part.verdict, part.n_planned) == ("inconclusive", 2000)


@pytest.mark.parametrize("claim", ["not_worse", "better", "equivalent"])
def test_a_claim_about_this_dataset_is_always_decided_in_the_end(claim):
    rng = np.random.default_rng(4)
    for difference in (-0.06, -0.04, 0.0, 0.04, 0.06):
        before, after = draw(rng, 300, difference=difference)
        result = compare(
            baseline=before,
            candidate=after,
            claim=claim,
            margin=0.05,
            sequential="anytime",
            target="dataset",
        )
        seen = result.estimate
        true = {"not_worse": seen > -0.05, "better": seen > 0.05, "equivalent": abs(seen) < 0.05}
        edge = min(abs(abs(seen) - 0.05), 1)
        assert result.verdict == ("pass" if true[claim] else "fail") or edge < 1e-9
        assert result.method.endswith("of this dataset")


def test_the_result_tells_the_course():
    before, after = draw(np.random.default_rng(5), 2000)
    result = compare(baseline=before, candidate=after, **NOT_WORSE)
    assert result.verdict == "pass"
    assert result.stopped_at == result.n_used < result.n_planned == 2000
    assert result.e_value >= 20
    assert result.p_value == pytest.approx(1 / result.e_value)
    assert len(result.path) <= 64
    assert result.path[-1][0] == result.stopped_at
    assert np.exp(result.path[-1][1]) == pytest.approx(result.e_value, rel=1e-3)
    assert f"Decided after {result.n_used} of 2000 pairs" in str(result)


def test_the_interval_agrees_with_the_verdict():
    rng, margins = np.random.default_rng(6), (0.01, 0.03, 0.05, 0.08, 0.15)
    before, after = draw(rng, 800)
    for margin in margins:
        result = compare(baseline=before, candidate=after, **{**NOT_WORSE, "margin": margin})
        assert (result.verdict == "pass") == (result.ci[0] > -margin)


def test_clusters_stay_together():
    """Twenty questions an image, all answered alike: about 20 images are far too few."""
    images = np.repeat(np.arange(20), 20)
    before = np.ones(400, dtype=int)
    before[:80] = 0
    result = compare(baseline=before, candidate=before, clusters=images.tolist(), **NOT_WORSE)
    assert (result.verdict, result.n_clusters) == ("inconclusive", 20)
    assert compare(baseline=before, candidate=before, **NOT_WORSE).verdict == "pass"


def test_bounded_scores_are_followed_too():
    rng = np.random.default_rng(7)
    before = rng.uniform(20, 80, size=1500)
    after = np.clip(before + rng.normal(1, 8, size=1500), 0, 100)
    result = compare(
        baseline=before,
        candidate=after,
        kind="bounded",
        bounds=(0, 100),
        claim="not_worse",
        margin=5,
        sequential="anytime",
    )
    assert result.verdict == "pass"
    assert result.n_used < 1500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"kind": "positive", "claim": "not_worse", "margin": 0.05, "sequential": "anytime"},
            "no bounds",
        ),
        ({**NOT_WORSE, "method": "exact"}, "sequential takes no other method"),
        ({**NOT_WORSE, "sequential": "always"}, 'sequential must be "anytime" or a Stream'),
        ({"claim": "not_worse", "margin": 0.05, "target": "dataset"}, 'needs sequential="anytime"'),
        ({**NOT_WORSE, "target": "world"}, "unknown target 'world'"),
    ],
)
def test_refuses_what_cannot_be_followed(arguments, message):
    with pytest.raises(StatisticsError, match=message):
        compare(baseline=[1, 1, 1], candidate=[1, 1, 1], **arguments)


DATASET = {"sequential": "anytime", "target": "dataset"}


def test_no_regression_of_this_dataset_is_certain_in_the_end():
    """Five pairs say nothing of others, and everything of themselves."""
    better, worse = ([1, 1, 0, 0, 1], [1, 1, 0, 1, 1]), ([1, 1, 0, 0, 1], [1, 0, 0, 0, 1])
    claim = {"claim": "no_regression", "mde": 0.05, **DATASET}
    for (before, after), verdict in ((better, "pass"), (worse, "fail")):
        result = compare(baseline=before, candidate=after, **claim)
        assert (result.verdict, result.power) == (verdict, None)
    assert compare(baseline=[1, 0], candidate=[1, 0], **claim).mde == 0


def test_the_interval_of_a_dataset_that_was_seen_holds_its_mean():
    rng = np.random.default_rng(8)
    for seed in range(20):
        before, after = rng.uniform(0, 100, size=(2, 30))
        result = compare(
            baseline=before,
            candidate=after,
            kind="bounded",
            bounds=(0, 100),
            claim="not_worse",
            margin=8,
            alpha=1e-6,
            rng=seed,
            **DATASET,
        )
        low, high = result.ci
        assert low <= result.estimate <= high
        assert high - low < 1e-3


def test_a_broken_baseline_is_never_decided():
    result = compare(baseline=[0] * 400, candidate=[0, 1] * 200, **NOT_WORSE)
    assert (result.verdict, result.stopped_at, result.n_used) == ("inconclusive", None, 400)
