"""What a sample is, and what counts as the same one."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as PillowImage

from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.samples import Image, Message, Region, Sample, Text, Video


@pytest.fixture
def sample(picture):
    return Sample.ask(id="1", image=picture(), query="What is it?", targets=("7",))


def test_digest_depends_on_what_the_model_sees(sample, picture):
    other_image = Sample.ask(id="1", image=picture(seed=1), query="What is it?", targets=("7",))
    other_query = Sample.ask(id="1", image=picture(), query="What is it", targets=("7",))
    assert len({sample.digest, other_image.digest, other_query.digest}) == 3


def test_digest_ignores_everything_else(sample, picture):
    other = Sample.ask(
        id="2",
        image=picture(),
        query="What is it?",
        targets=("8",),
        regions=(Region(box=(0, 0, 1, 1)),),
        cluster="x",
        tags=("t",),
        meta={"source": "x"},
    )
    assert other.digest == sample.digest


def test_digest_is_that_of_the_bytes_wherever_they_lie(sample, picture, tmp_path):
    (tmp_path / "a.png").write_bytes(picture())
    from_file = Sample.ask(id="1", image=tmp_path / "a.png", query="What is it?")
    assert from_file.digest == sample.digest


def test_digest_depends_on_roles_order_and_grouping(picture):
    a, b = Image(source=picture(seed=1)), Image(source=picture(seed=2))
    text = Text(text="?")

    def digest(role, *parts):
        return Sample(id="1", messages=(Message(role=role, parts=parts),)).digest

    digests = [
        digest("user", a, b, text),
        digest("user", b, a, text),
        digest("user", text, a, b),
        digest("user", Video(frames=(a, b)), text),
        digest("assistant", a, b, text),
    ]
    assert len(set(digests)) == len(digests)


def test_samples_about_the_same_picture_are_one_cluster(picture):
    one, two, other = (
        Sample.ask(id=id, image=picture(seed=seed), query=id)
        for id, seed in (("1", 0), ("2", 0), ("3", 1))
    )
    assert one.cluster == two.cluster != other.cluster


def test_a_sample_without_pictures_is_a_cluster_of_its_own():
    text = (Message(role="user", parts=(Text(text="?"),)),)
    assert Sample(id="1", messages=text).cluster != Sample(id="2", messages=text).cluster


def test_a_cluster_that_is_given_stays(picture):
    assert Sample.ask(id="1", image=picture(), query="?", cluster="scene").cluster == "scene"


def test_media_and_frames_in_order_of_appearance(picture):
    a, b, c = (Image(source=picture(seed=seed)) for seed in range(3))
    clip = Video(frames=(b, c))
    sample = Sample(
        id="1",
        messages=(
            Message(role="system", parts=(Text(text="Be brief."),)),
            Message(role="user", parts=(Text(text="First"), a)),
            Message(role="assistant", parts=(Text(text="Yes."),)),
            Message(role="user", parts=(clip, Text(text="and"), Text(text="then?"))),
        ),
    )
    assert sample.media == (a, clip)
    assert sample.frames == (a, b, c)
    assert sample.query == "and then?"


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_size_and_picture_agree_on_what_is_upright(picture, form, turn):
    image = Image(source=picture(size=(30, 20), form=form, turn=turn))
    assert image.size == image.open().size == ((20, 30) if turn >= 5 else (30, 20))


def test_an_opened_picture_is_rgb(picture):
    assert Image(source=picture(form="GIF")).open().mode == "RGB"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_truncated_picture_is_refused_when_it_is_opened(picture, form):
    data = picture(form=form)
    with pytest.raises(SamplesError, match="cannot open the image given as bytes"):
        Image(source=data[: len(data) // 2]).open()


def test_a_picture_that_is_gone_is_named(tmp_path):
    with pytest.raises(SamplesError, match=r"cannot read the image .*gone\.png: No such file"):
        Image(source=tmp_path / "gone.png").open()


def test_sixteen_bits_are_scaled_and_not_clipped():
    grey = np.linspace(0, 65535, 256).reshape(16, 16).astype(np.uint16)
    buffer = io.BytesIO()
    PillowImage.fromarray(grey).save(buffer, "PNG")
    seen = np.asarray(Image(source=buffer.getvalue()).open())[..., 0]
    assert np.abs(seen - grey / 257.0).max() <= 1
