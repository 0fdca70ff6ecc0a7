"""Scores that look at the relevance map: does the checkpoint look at the right place?

Each explains the answer, or with `Score.extracting` the final answer in it::

    compare(samples, score=mass_inside.extracting(boxed)).assert_not_worse(margin=0.05)
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.errors import SettingsError
from pytest_vlm.evaluation.samples import Region
from pytest_vlm.heatmap.areas import Boxes, area, area_covered, shares_inside
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.metrics import correlation
from pytest_vlm.scores.score import Case, Need, Score, score

NEEDS: tuple[Need, ...] = ("regions", "relevance")
TOUCHED = 1e-3  # of a cell; less is the rounding of an edge


@score(name="pointing game", needs=NEEDS)
def pointing_game(case: Case) -> float:
    """1 where the centre of the map's largest cell lies in a region, else 0.

    Binary, higher is better. Zhang et al. 2018, "Top-Down Neural Attention by Excitation Backprop",
    section 4.1, with the tolerance 0. A map without a unique largest cell points nowhere and has 0.
    """
    peak = _map(case).peak()
    return float(peak is not None and any(peak.lies_in(region) for region in case.sample.regions))


def pointing_game_within(pixels: float) -> Score:
    """The `pointing_game` where a region that comes within so many pixels of the peak is hit too.

    Binary, higher is better. Zhang et al. 2018 take 15 pixels of the original picture. It is for
    regions that are smaller than a cell: the cell's centre may miss what the cell shows.

    Raises:
        SettingsError: a tolerance that is negative, or no finite number.
    """
    if not 0 <= pixels < math.inf:
        raise SettingsError(f"the tolerance of the pointing game is in pixels, not {pixels:g}")

    @score(name=f"pointing game within {pixels:g} pixels", needs=NEEDS)
    def judge(case: Case) -> float:
        peak = _map(case).peak()
        if peak is None:
            return 0.0
        place = peak.media, peak.frame
        near = (one for one in case.sample.regions if (one.media, one.frame) == place)
        return float(any(_distance(peak.x, peak.y, region) <= pixels for region in near))

    return judge


@score(name="mass inside", kind="bounded", needs=NEEDS)
def mass_inside(case: Case) -> float:
    """The share of the map's mass that lies in the regions.

    Bounded by 0 and 1, higher is better. The energy-based pointing game of Wang et al. 2020,
    "Score-CAM", section 4.3; the relevance mass accuracy of Arras et al. 2022, "CLEVR-XAI". A cell
    that lies partly in a region gives that part of its mass; where cells overlap, as thumbnail and
    tiles do, each gives its own. A map without mass has 0.
    """
    heatmap = _map(case)
    mass = float(heatmap.values.sum(dtype=np.float64))
    inside = sum(
        float(heatmap.values[cells] @ shares_inside(heatmap.boxes[cells], boxes))
        for cells, boxes in _pictures(case)
    )
    return min(inside / mass, 1.0) if mass > 0 else 0.0


def coverage(k: int | None = None) -> Score:
    """The share of the regions' area that the K most relevant cells cover.

    Bounded by 0 and 1, higher is better. By default K is the number of cells that the regions
    touch, so that 1 can be reached on every sample: the relevance rank accuracy of Arras et al.
    2022, "CLEVR-XAI", with cells for pixels. Cells that tie for the last places count in part.

    Args:
        k: cells to look at, the same number on every sample.

    Raises:
        SettingsError: K is not at least 1.
    """
    if k is not None and k < 1:
        raise SettingsError(f"coverage looks at the K most relevant cells, K at least 1, not {k}")
    name = "coverage at top-K" if k is None else f"coverage at top-{k}"

    @score(name=name, kind="bounded", needs=NEEDS)
    def judge(case: Case) -> float:
        heatmap, pictures = _map(case), list(_pictures(case))
        whole = sum(area(boxes) for _, boxes in pictures)
        if whole == 0:
            raise ValueError(f"the regions of {case.sample.id!r} have no area")

        def covered(chosen: NDArray[np.bool_]) -> float:
            return sum(
                area_covered(heatmap.boxes[cells[chosen[cells]]], boxes)
                for cells, boxes in pictures
            )

        touched = sum(
            int((shares_inside(heatmap.boxes[cells], boxes) > TOUCHED).sum())
            for cells, boxes in pictures
        )
        most = min(max(touched, 1) if k is None else k, heatmap.values.size)
        last = np.partition(heatmap.values, -most)[-most]
        above, tied = heatmap.values > last, heatmap.values == last
        least = covered(above)
        part = (most - int(above.sum())) / int(tied.sum())
        return min((least + part * (covered(above | tied) - least)) / whole, 1.0)

    return judge


coverage_at_top_k = coverage()


@score(name="map entropy", kind="bounded", better="lower", needs=("relevance",))
def map_entropy(case: Case) -> float:
    """How much the map is spread: entropy of the cells' shares over that of an even map.

    Bounded by 0 (all in one cell) and 1 (even); lower is better, as more focused. Complexity of
    Bhatt et al. 2020, "Evaluating and Aggregating Feature-based Model Explanations", section 3.3,
    normalised by log n. A focused map need not be right: claim it beside a score that knows the
    region, or claim equivalence. A map without mass has 1.
    """
    values = _map(case).values.astype(np.float64)
    if values.size == 1 or values.sum() <= 0:
        return float(values.sum() <= 0)
    shares = values[values > 0] / values.sum()
    return float(np.clip(-(shares @ np.log(shares)) / np.log(values.size), 0.0, 1.0))


@score(name="agreement with the baseline's map", kind="bounded", needs=("relevance", "baseline"))
def map_agreement(case: Case) -> float:
    """Correlation of the map with the baseline's of the same sample; opposed ones have 0.

    Bounded by 0 and 1, higher is better. CC of Bylinskii et al. 2019, "What Do Different Evaluation
    Metrics Tell Us About Saliency Models?". The baseline agrees with itself, so that a margin of
    0.1 asks for a mean correlation of more than 0.9. Maps of other cells are not compared.
    """
    heatmap, baseline = _map(case), case.baseline
    if baseline is None:
        raise ValueError(f"there is no map of the baseline for {case.sample.id!r}")
    if not _same_cells(heatmap, baseline):
        cells = f"{baseline.values.size} cells in the baseline's, {heatmap.values.size} in this one"
        raise ValueError(f"the maps do not have the same cells ({cells})")
    pair = np.stack([baseline.values, heatmap.values]).astype(np.float64)
    return max(correlation(*pair), 0.0)


def _same_cells(one: Heatmap, other: Heatmap) -> bool:
    return (
        one.boxes.shape == other.boxes.shape
        and np.allclose(one.boxes, other.boxes, atol=0.01)
        and np.array_equal(one.media, other.media)
        and np.array_equal(one.frame, other.frame)
    )


def _map(case: Case) -> Heatmap:
    if case.heatmap is None:
        raise ValueError(f"no relevance map was made for {case.sample.id!r}")
    return case.heatmap


def _pictures(case: Case) -> Iterator[tuple[NDArray[np.intp], Boxes]]:
    """For each picture with regions the numbers of its cells, and the regions' boxes."""
    heatmap, places = _map(case), {(one.media, one.frame) for one in case.sample.regions}
    for media, frame in sorted(places):
        cells = np.flatnonzero((heatmap.media == media) & (heatmap.frame == frame))
        here = [r.box for r in case.sample.regions if (r.media, r.frame) == (media, frame)]
        yield cells, np.asarray(here, dtype=np.float64)


def _distance(x: float, y: float, region: Region) -> float:
    x0, y0, x1, y1 = region.box
    return math.hypot(max(x0 - x, 0, x - x1), max(y0 - y, 0, y - y1))
