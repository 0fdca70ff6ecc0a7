"""Boxes and points that an answer gives, against the sample's regions.

What an answer's numbers mean differs from family to family, so each score is made for one::

    compare(samples, score=iou_at(0.5, QWEN3_VL)).assert_not_worse(margin=0.05)
"""

from __future__ import annotations

from pytest_vlm.errors import SettingsError
from pytest_vlm.evaluation.samples import Box, Region, Sample, Video
from pytest_vlm.scores.coordinates import Convention
from pytest_vlm.scores.score import Case, Score, Unparsable, score


def iou(convention: Convention) -> Score:
    """Intersection over union of the answer's first box with the region it fits best.

    Bounded by 0 and 1, higher is better. Everingham et al. 2010, "The Pascal Visual Object Classes
    (VOC) Challenge", section 4.2, for one box an answer. An answer without a box is unparsable; a
    box whose corners are swapped is empty and has 0.
    """

    @score(name=f"IoU ({convention.name})", kind="bounded", needs=("regions",))
    def judge(case: Case) -> float:
        return _best_overlap(case, convention)

    return judge


def iou_at(threshold: float, convention: Convention) -> Score:
    """1 where `iou` is at least the threshold, else 0.

    Binary, higher is better. With 0.5 the accuracy of referring expressions as evaluated since
    Mao et al. 2016, "Generation and Comprehension of Unambiguous Object Descriptions", section 6.

    Raises:
        SettingsError: the threshold is not over 0 and at most 1.
    """
    if not 0 < threshold <= 1:
        raise SettingsError(f"an IoU threshold lies over 0 and is at most 1, not {threshold:g}")

    @score(name=f"IoU ≥ {threshold:g} ({convention.name})", needs=("regions",))
    def judge(case: Case) -> float:
        return float(_best_overlap(case, convention) >= threshold)

    return judge


def point_in_box(convention: Convention) -> Score:
    """1 where the answer's first point lies in a region, else 0.

    Binary, higher is better. Cheng et al. 2024, "SeeClick" (ScreenSpot), section 4.1: of an answer
    that gives a box only, its centre is taken. An answer without either is unparsable.
    """

    @score(name=f"point in box ({convention.name})", needs=("regions",))
    def judge(case: Case) -> float:
        return float(any(_points_at(case, region, convention) for region in case.sample.regions))

    return judge


def _best_overlap(case: Case, convention: Convention) -> float:
    return max(_overlap_with(case, region, convention) for region in case.sample.regions)


def _overlap_with(case: Case, region: Region, convention: Convention) -> float:
    boxes = convention.boxes(case.answer, _size(case.sample, region))
    if not boxes:
        raise Unparsable(f"the answer holds no box as {convention.name} writes them")
    return overlap(boxes[0], region.box)


def _points_at(case: Case, region: Region, convention: Convention) -> bool:
    points = convention.points(case.answer, _size(case.sample, region))
    if not points:
        raise Unparsable(f"the answer holds no point as {convention.name} writes them")
    (x, y), (x0, y0, x1, y1) = points[0], region.box
    return x0 <= x < x1 and y0 <= y < y1


def _size(sample: Sample, region: Region) -> tuple[int, int]:
    """Width and height of the picture that the region lies in."""
    medium = sample.media[region.media]
    return (medium.frames[region.frame] if isinstance(medium, Video) else medium).size


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1); 0 where they do not meet."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (_area(one) + _area(other) - width * height)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
