"""The app's own engine: every question is asked again of what was looked at."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from app.focused import FocusedLoader, focus, load_focused
from pytest_vlm.engine.registry import GROUP
from pytest_vlm.errors import CheckpointError
from pytest_vlm.evaluation.samples import Image, Message, Sample, Text, Video
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.scores import exact_match, pointing_game
from pytest_vlm.session import Session
from pytest_vlm.settings import Settings

DIGITS = Path(__file__).parents[2] / "app/digits"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    settings = Settings(
        checkpoints=(f"strong={DIGITS / 'checkpoints/strong'}",),
        samples=DIGITS / "heldout/samples.jsonl",
        engine="focused",
        cache_dir=tmp_path_factory.mktemp("cache"),
    )
    folder = tmp_path_factory.mktemp("run")
    with Session(settings, loaders={"focused": load_focused}, folder=folder) as one:
        yield one


def picture(color: str) -> Image:
    buffer = io.BytesIO()
    PillowImage.new("RGB", (4, 2), color).save(buffer, "PNG")
    return Image(source=buffer.getvalue())


def heatmap(values: list[float], media: list[int]) -> Heatmap:
    """Two cells a picture, left and right."""
    boxes = [[0, 0, 2, 2], [2, 0, 4, 2]] * (len(values) // 2)
    return Heatmap(
        values=np.array(values, np.float32),
        boxes=np.array(boxes, np.float32),
        media=np.array(media, np.int32),
        frame=np.zeros(len(values), np.int32),
        method="attention",
    )


def test_what_was_not_looked_at_is_blank():
    pixels = PillowImage.new("RGB", (4, 2), "white")
    pixels.paste((200, 0, 0), (0, 0, 2, 1))
    buffer = io.BytesIO()
    pixels.save(buffer, "PNG")
    asked = Sample.ask(id="1", image=buffer.getvalue(), query="?", targets=("x",), cluster="c")
    seen = focus(asked, heatmap([0.1, 0.9], [0, 0]), kept=0.5)
    assert np.asarray(seen.frames[0].open()).tolist() == [[[255, 255, 255]] * 4] * 2
    seen = focus(asked, heatmap([0.9, 0.1], [0, 0]), kept=0.5)
    assert np.array_equal(np.asarray(seen.frames[0].open()), np.asarray(pixels))
    assert (seen.id, seen.query, seen.targets, seen.cluster) == ("1", "?", ("x",), "c")


def test_each_picture_is_blanked_where_its_own_cells_are():
    half = PillowImage.new("RGB", (4, 2), "black")
    half.paste((255, 255, 255), (3, 0, 4, 2))
    buffer = io.BytesIO()
    half.save(buffer, "PNG")
    parts = (Text(text="a"), Image(source=buffer.getvalue()), Image(source=buffer.getvalue()))
    asked = Sample(id="1", messages=(Message(role="user", parts=parts),))
    seen = focus(asked, heatmap([0.1, 0.2, 0.3, 0.9], [0, 0, 1, 1]), kept=0.25)
    first, second = (np.asarray(frame.open()).max() for frame in seen.frames)
    assert (first, second) == (0, 255)


def test_videos_and_equally_relevant_cells_stay():
    video = Video(frames=(picture("red"), picture("blue")))
    parts = (video, picture("green"), Text(text="?"))
    asked = Sample(id="1", messages=(Message(role="user", parts=parts),))
    seen = focus(asked, heatmap([0.5] * 4, [0, 0, 1, 1]))
    assert seen.media[0] == video
    assert np.array_equal(np.asarray(seen.frames[2].open()), np.asarray(asked.frames[2].open()))


def test_a_checkpoint_that_looks_at_the_right_place_hardly_needs_the_rest(session):
    spec = session.baseline
    asked = session.samples.with_regions()[:96]
    focused = session.evaluate(spec, asked, exact_match)
    assert np.mean([one.value for one in focused.values]) > 0.8
    looked = session.evaluate(spec, asked, pointing_game)
    assert np.mean([one.value for one in looked.values]) > 0.8


def test_a_question_about_everything_cannot_be_answered_from_a_quarter(session):
    everything = [s for s in session.samples if s.query.startswith("read all")][:48]
    assert everything
    focused = session.evaluate(session.baseline, everything, exact_match)
    assert np.mean([one.value for one in focused.values]) < 0.5


def test_what_cannot_be_asked_is_an_error_and_the_others_are_answered(session):
    good = session.samples[0]
    broken = Sample.ask(id="broken", image=b"no picture", query=good.query)
    plain = Sample(id="plain", messages=(Message(role="user", parts=(Text(text="hello"),)),))
    answers = session.predict(session.baseline, [good, broken, plain])
    assert [one.unusable == "error" for one in answers] == [False, True, False]


def test_whose_answers_they_are(tmp_path):
    strong, weak = (DIGITS / "checkpoints" / name for name in ("strong", "weak"))
    with Session(Settings(checkpoints=(f"A={strong}", f"B={weak}")), folder=tmp_path) as session:
        a, b = session.checkpoints
        plain = session.fingerprint(a)
    loader = FocusedLoader()
    assert loader.fingerprint(a).startswith(plain)
    assert len({plain, loader.fingerprint(a), loader.fingerprint(b)}) == 3
    with pytest.raises(CheckpointError, match="does not exist"):
        loader.fingerprint(replace(a, source="no/such/folder"))


def test_files_are_looked_at_before_they_are_loaded(tmp_path):
    folder = tmp_path / "linked"
    shutil.copytree(DIGITS / "checkpoints/strong", folder)
    outside = (folder / "model.safetensors").rename(tmp_path / "outside.safetensors")
    (folder / "model.safetensors").symlink_to(outside)
    settings = Settings(checkpoints=(f"A={folder}",), engine="focused")
    with (
        Session(settings, loaders={"focused": load_focused}, folder=tmp_path / "run") as session,
        pytest.raises(CheckpointError, match=r"is a link out of its folder"),
    ):
        session.engine(session.baseline)


def test_it_is_found_by_its_entry_point():
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if "focused" not in found:
        pytest.skip("the app is not installed: pip install -e ./app")
    assert found["focused"].load() is load_focused
