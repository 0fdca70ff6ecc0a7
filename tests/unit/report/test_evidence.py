"""Evidence shows the picture that the maps are about."""

from __future__ import annotations

import json
from dataclasses import replace
from operator import ne
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from pytest_vlm.evaluation.samples import Image, Message, Region, Sample, Text, Video
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.rendering import BAR_WIDTH
from pytest_vlm.report.evidence import THUMBNAIL, EvidenceFolder, Flip

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


def written_golden(folder: Path, asked: Sample, **maps: Heatmap | None) -> dict[str, str]:
    given = {"golden": None, "baseline": None, **maps}
    evidence = folder / EvidenceFolder(folder).write_golden("g", asked, **given)  # type: ignore[arg-type]
    entry: dict[str, str] = json.loads(evidence.read_text())
    assert {path.stem for path in evidence.parent.glob("*.png")} == {
        key for key, value in entry.items() if value.endswith(".png")
    }
    return {k: str(evidence.parent / v) if v.endswith(".png") else v for k, v in entry.items()}


def test_a_golden_is_shown_on_its_picture(tmp_path, pictures):
    golden, candidate = bright((1, 0, 1.0)), bright((1, 0, 0.5))
    entry = written_golden(tmp_path, sample(*pictures), golden=golden, candidate=candidate)
    assert width(entry["image"]) == THUMBNAIL
    widths = {width(entry[key]) for key in ("golden", "candidate", "difference")}
    assert len(widths) == 1 and widths.pop() > WIDTHS[1]
    assert entry["picture"] == "image 2 of 4"
    assert "baseline" not in entry


def test_all_maps_of_a_golden_are_drawn_on_its_scale(tmp_path, pictures):
    """Half of the golden's maximum has another colour than the maximum has."""
    golden, half = bright((0, 0, 1.0)), bright((0, 0, 0.5))
    asked = sample(pictures[0])
    one = written_golden(tmp_path / "1", asked, golden=golden, baseline=half, candidate=golden)
    pixels = {
        key: np.asarray(PillowImage.open(one[key]).convert("RGB"))[10:90, 10:90]
        for key in ("golden", "baseline", "candidate")
    }
    assert np.array_equal(pixels["golden"], pixels["candidate"])
    assert not np.array_equal(pixels["golden"], pixels["baseline"])


@pytest.mark.parametrize(
    ("candidate", "shown"),
    [((0.6, 0.0, 0.1, 0.3), 2), ((0.0, 0.6, 0.4, 0.0), 1), ((0.3, 0.3, 0.4, 0.0), 1)],
    ids=["within the other picture", "within the first picture", "a little"],
)
def test_of_several_pictures_a_golden_shows_the_one_that_changed_most(
    tmp_path, pictures, candidate, shown
):
    """Most of the golden lies in the first one, and a change elsewhere would not be seen there."""
    boxes = [(0, 0, 100, 100), (100, 0, 200, 100)] * 2
    golden, other = (
        Heatmap.of_cells(values, boxes, method="m", media=[0, 0, 1, 1])
        for values in ((0.6, 0.0, 0.4, 0.0), candidate)
    )
    asked = sample(*pictures[:2])
    entry = written_golden(tmp_path, asked, golden=golden, candidate=other)
    assert entry["picture"] == f"image {shown} of 2"


def test_what_moved_to_another_picture_is_missed_where_it_was(tmp_path, pictures):
    """Shares are those of the whole map: within the first picture alone nothing changed."""
    golden, moved = bright((0, 0, 0.8), (1, 0, 0.2)), bright((0, 0, 0.1), (1, 0, 0.9))
    asked = sample(*pictures[:2])
    entry = written_golden(tmp_path, asked, golden=golden, candidate=moved)
    assert entry["picture"] == "image 1 of 2"
    red, _, blue = np.asarray(PillowImage.open(entry["difference"]).convert("RGB"))[50, 50]
    assert int(blue) - int(red) > 50


@pytest.mark.parametrize(
    "candidate",
    [
        Heatmap.of_cells([1, 1], [(0, 0, 50, 100), (50, 0, 100, 100)], method="m"),
        Heatmap.of_cells([1], [(0, 0, 90, 100)], method="m"),
        bright((3, 0, 1.0)),
    ],
    ids=["more cells", "other places", "another picture"],
)
def test_maps_of_other_cells_have_no_difference(tmp_path, pictures, candidate):
    golden = bright((0, 0, 1.0))
    entry = written_golden(tmp_path, sample(*pictures), golden=golden, candidate=candidate)
    assert "golden" in entry and "difference" not in entry


@pytest.mark.parametrize("boxes", [[(-50, -50, 20, 20)], [(900, 900, 950, 950)], [(5, 5, 5, 5)]])
def test_cells_outside_the_picture_do_no_harm(tmp_path, pictures, boxes):
    odd = Heatmap.of_cells([1.0], boxes, method="m")
    entry = written_golden(tmp_path, sample(pictures[0]), golden=odd, candidate=odd)
    assert {"golden", "candidate", "difference"} <= entry.keys()


def test_a_map_of_zeros_is_drawn(tmp_path, pictures):
    zeros = bright((0, 0, 0.0))
    entry = written_golden(tmp_path, sample(pictures[0]), golden=zeros, candidate=zeros)
    assert {"golden", "candidate", "difference"} <= entry.keys()


def test_pictures_of_an_image_golden_are_kept_as_they_are(tmp_path, picture):
    given = {"golden": picture((8, 8)), "candidate": picture((9, 8))}
    evidence = tmp_path / EvidenceFolder(tmp_path).write_golden_pictures("g", given)
    entry = json.loads(evidence.read_text())
    assert {key: (evidence.parent / name).read_bytes() for key, name in entry.items()} == given


def test_what_an_earlier_golden_left_is_not_shown_with_the_next(tmp_path, picture):
    folder = EvidenceFolder(tmp_path)
    folder.write_golden_pictures("g", {"golden": picture(), "candidate": picture()})
    evidence = tmp_path / folder.write_golden_pictures("g", {"candidate": picture()})
    assert json.loads(evidence.read_text()) == {"candidate": "candidate.png"}


def test_the_region_of_the_shown_picture_is_outlined_in_both_maps(tmp_path, pictures):
    asked, a, b = sample(*pictures[:2]), bright((0, 0, 1)), bright((0, 0, 0.5))
    drawn = {}
    for name, media in (("none", None), ("here", 0), ("elsewhere", 1)):
        regions = () if media is None else (Region(media=media, box=(120, 120, 200, 200)),)
        (tmp_path / name).mkdir()
        found = written(tmp_path / name, replace(asked, regions=regions), a, b)
        drawn[name] = [
            Path(found[f"{side}_map"]).read_bytes() for side in ("baseline", "candidate")
        ]
    assert drawn["none"] == drawn["elsewhere"]
    assert all(map(ne, drawn["none"], drawn["here"]))
