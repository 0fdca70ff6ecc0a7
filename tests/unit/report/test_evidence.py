"""Evidence shows the picture that the maps are about."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from pytest_vlm.evaluation.samples import Image, Message, Sample, Text, Video
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.rendering import BAR_WIDTH
from pytest_vlm.report.evidence import EvidenceFolder, Flip

WIDTHS = (240, 260, 280, 300)  # larger than what is blown up, so that a picture keeps its size
HEIGHT = 230
GAP = 4


@pytest.fixture
def pictures(picture) -> list[Image]:
    return [Image(source=picture((width, HEIGHT))) for width in WIDTHS]


def sample(*parts: Image | Video) -> Sample:
    message = Message(role="user", parts=(*parts, Text(text="?")))
    return Sample(id="s", messages=(message,))


def bright(*places: tuple[int, int, float]) -> Heatmap:
    """A map with one cell a picture: (medium, frame, value)."""
    media, frame, values = zip(*places, strict=True)
    boxes = [(0, 0, 100, 100)] * len(places)
    return Heatmap.of_cells(values, boxes, method="m", media=media, frame=frame)


def written(folder: Path, asked: Sample, a: Heatmap | None, b: Heatmap | None) -> dict[str, str]:
    flip = Flip(
        sample=asked,
        lost=True,
        baseline_answer="7",
        candidate_answer="1",
        baseline_value=1.0,
        candidate_value=0.0,
    )
    evidence = folder / EvidenceFolder(folder).write_flips("c", [flip], lambda _: ([a], [b]))
    [entry] = json.loads(evidence.read_text())["flips"]
    return {
        key: str(evidence.parent / value) if value.endswith(".png") else value
        for key, value in entry.items()
        if isinstance(value, str)
    }


def width(path: str) -> int:
    with PillowImage.open(path) as picture:
        return picture.width


@pytest.mark.parametrize(
    ("a", "b", "shown"),
    [
        (None, None, 0),
        (bright((2, 0, 1.0)), None, 2),
        (bright((0, 0, 0.1), (1, 0, 0.9)), None, 1),
        (bright((0, 0, 1.0), (3, 0, 3.0)), bright((0, 0, 1.0), (3, 0, 1.0)), 3),
        (bright((0, 0, 0.0), (1, 0, 0.0)), None, 0),
        (bright((9, 0, 1.0)), None, 0),
    ],
    ids=["no maps", "one place", "more of it", "both together", "nowhere", "nothing of the sample"],
)
def test_of_several_pictures_the_one_that_is_looked_at_is_shown(tmp_path, pictures, a, b, shown):
    entry = written(tmp_path, sample(*pictures), a, b)
    assert width(entry["image"]) == WIDTHS[shown]
    assert entry["picture"] == f"image {shown + 1} of 4"
    for key in ("baseline_map", "candidate_map"):
        if key in entry:
            assert width(entry[key]) == WIDTHS[shown] + GAP + BAR_WIDTH


def test_of_a_video_the_frame_is_shown(tmp_path, pictures):
    first, *clip = pictures
    asked = sample(first, Video(frames=tuple(clip)))
    entry = written(tmp_path, asked, bright((0, 0, 0.2), (1, 1, 0.8)), None)
    assert width(entry["image"]) == WIDTHS[2]
    assert entry["picture"] == "image 3 of 4"


def test_a_map_is_drawn_with_its_cells_of_that_picture(tmp_path, pictures):
    """The other picture's cell, brighter and elsewhere, is not on it."""
    asked = sample(*pictures[:2])
    boxes = [(0, 0, 100, 100), (150, 0, 250, 100), (0, 100, 100, 200)]
    heatmap = Heatmap.of_cells([5, 3, 3], boxes, method="m", media=[0, 1, 1])
    entry = written(tmp_path, asked, heatmap, None)
    drawn = np.asarray(PillowImage.open(entry["baseline_map"]).convert("RGB"), dtype=int)
    coloured = np.abs(drawn - drawn.mean(-1, keepdims=True)).sum(-1) > 0
    assert not coloured[10:90, 10:90].any()
    assert coloured[10:90, 160:240].all()
    assert coloured[110:190, 10:90].all()


def test_a_map_that_looks_elsewhere_is_left_out(tmp_path, pictures):
    asked = sample(*pictures[:2])
    both = bright((0, 0, 0.1), (1, 0, 0.9))
    entry = written(tmp_path, asked, both, bright((0, 0, 0.3)))
    assert width(entry["image"]) == WIDTHS[0]
    assert "candidate_map" in entry
    entry = written(tmp_path, asked, both, bright((0, 0, 0.1), (1, 0, 1.0)))
    assert width(entry["image"]) == WIDTHS[1]


def test_one_picture_needs_no_number(tmp_path, pictures):
    assert written(tmp_path, sample(pictures[1]), None, None)["picture"] == "image"


def test_a_golden_is_shown_on_its_picture(tmp_path, pictures):
    asked = sample(*pictures)
    golden, candidate = bright((1, 0, 1.0)), bright((1, 0, 0.5))
    evidence = tmp_path / EvidenceFolder(tmp_path).write_golden(
        "g", asked, golden=golden, baseline=None, candidate=candidate
    )
    entry = json.loads(evidence.read_text())
    assert width(str(evidence.parent / entry["image"])) == WIDTHS[1]
    for key in ("golden", "candidate", "difference"):
        assert width(str(evidence.parent / entry[key])) == WIDTHS[1] + GAP + BAR_WIDTH
    assert entry["picture"] == "image 2 of 4"
