"""Scores that look at the relevance map: does the checkpoint look at the right place?"""

from __future__ import annotations

from pytest_vlm.scores.score import Case, score


@score(name="pointing game", needs=("regions", "relevance"))
def pointing_game(case: Case) -> float:
    """1 where the centre of the map's largest cell lies in a region, else 0.

    Zhang et al. 2018, "Top-Down Neural Attention by Excitation Backprop", section 4.1, with the
    tolerance 0. A map without a unique largest cell points nowhere and scores 0.
    """
    if case.heatmap is None:
        raise ValueError(f"no relevance map was made for {case.sample.id!r}")
    peak = case.heatmap.peak()
    return float(peak is not None and any(peak.lies_in(region) for region in case.sample.regions))
