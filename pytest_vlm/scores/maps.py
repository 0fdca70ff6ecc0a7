"""Scores that look at the relevance map: does the checkpoint look at the right place?"""

from __future__ import annotations

from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.scores.score import Case, score


def _heatmap(case: Case) -> Heatmap:
    if case.heatmap is None:
        raise ValueError(f"no relevance map was made for {case.sample.id!r}")
    return case.heatmap


@score(name="pointing game", needs=("regions", "relevance"))
def pointing_game(case: Case) -> float:
    """1 where the centre of the map's largest cell lies in a region, else 0.

    Zhang et al. 2018, "Top-Down Neural Attention by Excitation Backprop", section 4.1, with the
    tolerance 0. A map without a unique largest cell points nowhere and scores 0.
    """
    peak = _heatmap(case).peak()
    return float(peak is not None and any(peak.lies_in(region) for region in case.sample.regions))


@score(name="mass in region", kind="bounded", needs=("regions", "relevance"))
def mass_in_region(case: Case) -> float | None:
    """Share of the map's mass inside the regions; a cell counts by the part of it that is inside.

    None where the map has no mass.
    """
    return _heatmap(case).share_inside(case.sample.regions)
