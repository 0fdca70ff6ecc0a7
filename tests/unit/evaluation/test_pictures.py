"""Whatever lies where a picture should: read as a viewer shows it, or refused with a reason."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pytest_vlm.data import open_dataset
from pytest_vlm.engine.generation.decoding import decode_ahead
from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.batch_plan import plan_batches
from pytest_vlm.evaluation.samples import Image, Sample
from pytest_vlm.settings import GenerationSettings


def encoded(picture: Pillow.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)


def opened(data: bytes) -> np.ndarray:
    """The pixels; what is read must be RGB, as large as the header says, and raise no warning."""
    image = Image(source=data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels = image.open()
        assert pixels.size == image.size
    assert pixels.mode == "RGB"
    return np.asarray(pixels)


def test_cmyk():
    data = encoded(Pillow.new("CMYK", (9, 7), (0, 255, 255, 0)), "JPEG", quality=100)
    assert np.abs(opened(data).astype(int) - (255, 0, 0)).max() < 8


def test_sixteen_bit_grey():
    grey = np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16)
    assert np.abs(opened(encoded(Pillow.fromarray(grey)))[..., 0] - grey / 257.0).max() <= 1


def test_an_animation_is_its_first_frame():
    frames = [Pillow.new("RGB", (6, 4), colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (opened(data) == (255, 0, 0)).all()


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_other_animations_are_their_first_frame(form):
    frames = [Pillow.new("RGB", (6, 4), colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
    assert np.abs(opened(data).astype(int) - (255, 0, 0)).max() < 8


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_turns_it_upright(turn, picture):
    data = picture(size=(30, 20), form="JPEG", turn=turn)
    assert opened(data).shape[:2] == ((30, 20) if turn >= 5 else (20, 30))


def test_a_palette_with_transparency():
    paletted = Pillow.fromarray(noise(8, 8, 3)).quantize(16)
    paletted.info["transparency"] = b"\x00\x80" * 8
    colours = np.reshape(paletted.getpalette(), (-1, 3))
    assert (opened(encoded(paletted)) == colours[np.asarray(paletted)]).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGBA", "P"])
def test_other_modes(mode):
    picture = Pillow.fromarray(noise(8, 8, 3)).convert(mode)
    shown = np.asarray(picture.convert("RGBA"))[..., :3]
    assert (opened(encoded(picture)) == shown).all()
    assert len(np.unique(shown)) > 1


@pytest.mark.parametrize(("mode", "form"), [("CMYK", "TIFF"), ("F", "TIFF"), ("I", "TIFF")])
def test_modes_of_tiff_are_read_or_refused(mode, form):
    grey = Pillow.fromarray(noise(8, 8, 3)).convert("L")
    data = encoded(grey.convert(mode), form)
    if mode == "F":
        with pytest.raises(SamplesError, match="32-bit pixels have no agreed white"):
            Image(source=data).open()
    else:
        scale = 257 if mode == "I" else 1  # its 255 is next to nothing of 65,535
        assert (opened(data) == np.asarray(grey, int)[..., None] // scale).all()


def test_one_pixel():
    assert opened(encoded(Pillow.new("RGB", (1, 1), "red"))).tolist() == [[[255, 0, 0]]]


def test_twenty_thousand_pixels_wide():
    assert opened(encoded(Pillow.new("L", (20_000, 3)))).shape == (3, 20_000, 3)


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is and has next to no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checked = kind + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (0, 5)])
def test_a_decompression_bomb_is_refused_from_its_header(width, height):
    image = Image(source=png_header(width, height))
    for look in (image.open, lambda: image.size):
        with pytest.raises(SamplesError, match="cannot open the image given as bytes"):
            look()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_picture_is_refused(form, share):
    data = encoded(Pillow.fromarray(noise(64, 64, 3)), form)
    with pytest.raises(SamplesError, match="cannot open the image given as bytes"):
        Image(source=data[: int(share * len(data))]).open()


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"just text", b"<svg xmlns='http://www.w3.org/2000/svg'/>"]
)
def test_what_is_no_picture_is_refused(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(SamplesError, match=r"cannot open the image .*a\.png"):
        Image(source=path).open()


def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(SamplesError, match="not a regular file"):
        Image(source=tmp_path / "a.png").open()


@pytest.mark.parametrize("path", [Path("/dev/zero"), Path("/")])
def test_devices_and_folders_are_refused(path):
    with pytest.raises(SamplesError, match="not a regular file"):
        Image(source=path).open()


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "a.png"
    path.touch()
    os.truncate(path, 600 * 2**20)  # a hole, which takes no room
    for look in (Image(source=path).open, Image(source=path).read, lambda: Image(source=path).size):
        with pytest.raises(SamplesError, match="600 MiB, more than the 512 MiB"):
            look()


def test_a_file_that_changes_after_it_was_read_is_refused(tmp_path, picture):
    path = tmp_path / "a.png"
    path.write_bytes(picture())
    image = Image(source=path)
    assert image.digest == Image(source=picture()).digest
    path.write_bytes(picture(seed=1))
    os.utime(path, ns=(1, 1))
    with pytest.raises(SamplesError, match=r"a\.png has changed since it was first read"):
        image.open()
    assert Image(source=path).digest == Image(source=picture(seed=1)).digest


def test_nothing_that_was_kept_is_taken_for_a_sample_whose_picture_is_gone(tmp_path):
    one, other = (Sample.ask(id="1", image=tmp_path / "gone.png", query="?") for _ in range(2))
    assert one.digest == one.digest != other.digest
    assert one.cluster == other.cluster


def test_among_good_pictures_each_bad_one_is_refused_by_its_sample(tmp_path, picture):
    bad = {
        "truncated": picture()[:-200],
        "text": b"not a picture",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "empty": b"",
        "bomb": png_header(60_000, 60_000),
        "gone": picture(),
        "pipe": picture(),
    }
    for name in ("good", "fine", *bad):
        (tmp_path / f"{name}.png").write_bytes(bad.get(name, picture(size=(64, 48))))
    lines = [
        json.dumps({"id": name, "image": f"{name}.png", "query": "?"})
        for name in ("good", *bad, "fine")
    ]
    (tmp_path / "samples.jsonl").write_text("\n".join(lines))
    samples = open_dataset(tmp_path / "samples.jsonl")
    (tmp_path / "gone.png").unlink()
    (tmp_path / "pipe.png").unlink()
    os.mkfifo(tmp_path / "pipe.png")
    planned = list(plan_batches(samples, GenerationSettings(batch_size=3)))
    batches = ([samples[place] for place in batch.positions] for batch in planned)
    questions = [
        question for batch in decode_ahead(batches, GenerationSettings()) for question in batch
    ]
    problems = {question.sample.id: question.problem for question in questions}
    assert {id for id, problem in problems.items() if not problem} == {"good", "fine"}
    assert all(f"{id}.png" in problem for id, problem in problems.items() if problem)
    assert {q.refused().unusable for q in questions if q.problem} == {"error"}


@pytest.mark.filterwarnings("ignore:Truncated File Read", "ignore:Corrupt EXIF data")
def test_random_bytes_behind_a_header_never_raise_anything_else(picture):
    rng = np.random.default_rng(1)
    for form in ("PNG", "JPEG", "WEBP", "GIF"):
        data = bytearray(picture(form=form))
        for _ in range(60):
            torn = bytearray(data)
            for place in rng.integers(0, len(torn), 20):
                torn[place] = rng.integers(0, 256)
            image = Image(source=bytes(torn))
            for look in (image.open, lambda image=image: image.size):
                try:
                    look()
                except SamplesError as error:
                    assert "given as bytes" in str(error)


SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
from PIL import Image as Pillow
from pytest_vlm.evaluation.samples import Image

Pillow.preinit()
resource.setrlimit(resource.RLIMIT_DATA, (200 * 2**20, resource.RLIM_INFINITY))
try:
    Image(source=Path(sys.argv[1])).open()
except MemoryError:
    print("short of memory")
"""


def test_want_of_memory_is_not_taken_for_a_broken_picture(tmp_path):
    pytest.importorskip("resource", reason="memory cannot be limited here")
    path = tmp_path / "large.png"
    Pillow.new("1", (12_000, 12_000)).save(path)
    command = [sys.executable, "-c", SHORT_OF_MEMORY, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "short of memory\n", done.stderr
