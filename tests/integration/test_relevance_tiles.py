"""Relevance maps of models that cut pictures into tiles, from a saved checkpoint to the map."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tiny_tiled
import torch
from PIL import Image as PillowImage

from pytest_vlm.evaluation.samples import Image, Message, Sample, Text, Video
from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, Settings

FAMILIES = {
    "idefics3": tiny_tiled.idefics3,
    "llava-next": tiny_tiled.llava_next,
    "aya-vision": tiny_tiled.aya_vision,
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Of tensors this small, several threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=FAMILIES)
def session(request, tmp_path_factory):
    torch.manual_seed(0)
    folder = FAMILIES[request.param]().save(tmp_path_factory.mktemp(request.param))
    settings = Settings(
        checkpoints=(f"tiny={folder}",), generation=GenerationSettings(max_new_tokens=4)
    )
    with Session(settings, folder=tmp_path_factory.mktemp("run")) as opened:
        yield opened


def picture(width: int, height: int) -> Image:
    pixels = np.random.default_rng(width).integers(0, 255, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "PNG")
    return Image(source=buffer.getvalue())


def sample(name: str, *media: Image | Video) -> Sample:
    parts = (*media, Text(text="what is this"))
    return Sample(id=name, messages=(Message(role="user", parts=parts),))


def reach(heatmap) -> list[float]:
    return [*heatmap.boxes.min(0)[:2].tolist(), *heatmap.boxes.max(0)[2:].tolist()]


def sizes_of_cells(heatmap) -> int:
    """How many kinds of cells there are: those of tiles and those of the whole picture."""
    areas = np.prod(heatmap.boxes[:, 2:] - heatmap.boxes[:, :2], axis=1)
    return len({round(float(area)) for area in areas if area > areas.max() / 1000})


def test_a_picture_in_tiles_has_a_map_in_its_own_pixels(session):
    (heatmap,) = session.relevance(session.baseline, [sample("wide", picture(200, 120))])
    assert reach(heatmap) == [0, 0, 200, 120]
    assert sizes_of_cells(heatmap) >= 2
    assert heatmap.values.size > 16
    assert heatmap.shape is None
    assert heatmap.values.sum() > 0


def test_two_pictures_of_a_sample_have_cells_of_their_own(session):
    both = sample("both", picture(200, 120), picture(97, 131))
    (heatmap,) = session.relevance(session.baseline, [both])
    assert set(heatmap.media.tolist()) == {0, 1}
    assert reach(heatmap.on(0)) == [0, 0, 200, 120]
    assert reach(heatmap.on(1)) == [0, 0, 97, 131]


def test_the_frames_of_a_video_are_told_apart(session):
    clip = sample("clip", Video(frames=(picture(64, 40), picture(65, 40))), picture(30, 50))
    (heatmap,) = session.relevance(session.baseline, [clip])
    assert reach(heatmap.on(0, 0)) == [0, 0, 64, 40]
    assert reach(heatmap.on(0, 1)) == [0, 0, 65, 40]
    assert reach(heatmap.on(1, 0)) == [0, 0, 30, 50]


def test_samples_of_a_batch_have_the_maps_that_they_have_alone(session):
    samples = [
        sample("one", picture(200, 120)),
        sample("two", picture(97, 131), picture(64, 64)),
        sample("thin", picture(300, 40)),
    ]
    engine, settings = session.engine(session.baseline), session.settings.generation
    (answers,) = engine.predict([samples], settings)
    together = engine.relevance(samples, answers, settings)
    for one, answer, expected in zip(samples, answers, together, strict=True):
        (alone,) = engine.relevance([one], [answer], settings)
        assert alone.boxes.tolist() == expected.boxes.tolist()
        assert alone.media.tolist() == expected.media.tolist()
        assert alone.values == pytest.approx(expected.values, abs=1e-5)


def test_a_picture_that_was_shown_smaller_has_its_map_in_its_own_pixels(session):
    engine, wide = session.engine(session.baseline), [sample("wide", picture(400, 240))]
    settings = GenerationSettings(max_new_tokens=4, max_pixels=100 * 60)
    (answers,) = engine.predict([wide], settings)
    (heatmap,) = engine.relevance(wide, answers, settings)
    assert reach(heatmap) == [0, 0, 400, 240]
