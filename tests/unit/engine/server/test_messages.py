"""Pictures on their way to a server: as they are, or as every server reads them alike."""

from __future__ import annotations

import io

import numpy as np
import pytest
from chat_server import picture_bytes
from PIL import Image as Pillow

from pytest_vlm.engine.generation.decoding import Picture
from pytest_vlm.engine.server.messages import data_url, write_questions
from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.samples import Image, Sample
from pytest_vlm.settings import GenerationSettings


def encoded(mode: str, form: str, **options) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 12, 4), np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(pixels, "RGBA").convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def animated(form: str) -> bytes:
    frames = [Pillow.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, form, save_all=True, append_images=frames[1:], lossless=True)
    return buffer.getvalue()


def turned(form: str, turn: int = 6, colours: str = "RGB") -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = turn
    pixels = np.random.default_rng(0).integers(0, 255, (8, 12, 3), np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).convert(colours).save(buffer, form, exif=exif)
    return buffer.getvalue()


def sixteen_bits() -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(np.arange(96, dtype=np.uint16).reshape(8, 12) * 600).save(buffer, "PNG")
    return buffer.getvalue()


def two_in_one() -> bytes:
    """As telephones take them: the picture, and a smaller one behind it."""
    buffer = io.BytesIO()
    smaller = Pillow.new("RGB", (4, 4))
    Pillow.new("RGB", (8, 8), "red").save(buffer, "MPO", save_all=True, append_images=[smaller])
    return buffer.getvalue()


AS_IT_IS = {
    "png": encoded("RGB", "PNG"),
    "grey png": encoded("L", "PNG"),
    "palette png": turned("PNG", colours="P", turn=1),
    "upright jpeg": turned("JPEG", turn=1),
    "upright webp": turned("WEBP", turn=1),
    "two in one jpeg": two_in_one(),
    "jpeg": encoded("RGB", "JPEG"),
    "webp": encoded("RGB", "WEBP"),
    "lossless webp": encoded("RGB", "WEBP", lossless=True),
}
AS_PNG = {
    "transparent png": encoded("RGBA", "PNG"),
    "transparent palette": encoded("P", "PNG", transparency=3),
    "16 bits": sixteen_bits(),
    "tiff": encoded("L", "TIFF"),
    "cmyk jpeg": encoded("CMYK", "JPEG"),
    "transparent webp": encoded("RGBA", "WEBP"),
    "transparent lossless webp": encoded("RGBA", "WEBP", lossless=True),
    "gif": encoded("P", "GIF"),
    "bmp": encoded("RGB", "BMP"),
    "animated png": animated("PNG"),
    "animated webp": animated("WEBP"),
    "animated gif": animated("GIF"),
}


@pytest.mark.parametrize("name", AS_IT_IS)
def test_the_files_own_bytes(name):
    url = data_url(Image(source=AS_IT_IS[name]))
    assert url.startswith(f"data:image/{name.split()[-1]};base64,")
    assert picture_bytes(url) == AS_IT_IS[name]


@pytest.mark.parametrize("name", [*AS_PNG, "turned JPEG", "turned WEBP", "turned PNG"])
def test_what_servers_read_differently_is_settled_here(name):
    data = AS_PNG.get(name) or turned(name.removeprefix("turned "))
    frame = Image(source=data)
    url = data_url(frame)
    assert url.startswith("data:image/png;base64,")
    with Pillow.open(io.BytesIO(picture_bytes(url))) as sent:
        assert sent.mode == "RGB"
        assert getattr(sent, "n_frames", 1) == 1
        assert np.array_equal(sent, frame.open())
        if name.startswith("turned"):
            assert sent.size == (8, 12)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_large_picture_is_made_smaller_as_for_a_checkpoint_here(picture, form):
    frame = Image(source=picture((60, 40), form))
    with Pillow.open(io.BytesIO(picture_bytes(data_url(frame, 600)))) as sent:
        assert sent.size == (30, 20)
        assert np.array_equal(sent, Picture.decode(frame, 600).pixels)
    assert picture_bytes(data_url(frame, 2400)) == frame.source


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_no_picture(data):
    with pytest.raises(SamplesError):
        data_url(Image(source=data))


def test_a_picture_of_several_questions_is_encoded_once(picture, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(picture())
    image = Image(source=path)
    ask = [Sample.ask(id=str(n), image=path, query=str(n)) for n in range(2)]
    one, other = write_questions(ask, GenerationSettings())
    first, second = (q.messages[0]["content"][0]["image_url"]["url"] for q in (one, other))
    assert first is second
    assert picture_bytes(first) == image.read()
