"""From a sample to the messages of OpenAI's chat protocol."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image as Pillow

from pytest_vlm.engine.generation.decoding import Picture, thin_videos
from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation import pictures
from pytest_vlm.evaluation.pictures import EXIF_ORIENTATION
from pytest_vlm.evaluation.samples import Image, Message, Sample, Text, Video
from pytest_vlm.settings import GenerationSettings

KINDS = {"PNG": "png", "JPEG": "jpeg", "MPO": "jpeg", "WEBP": "webp"}  # MPO: JPEGs of telephones


@dataclass(frozen=True)
class ServerQuestion:
    """A sample as messages, or the reason why it cannot be asked."""

    sample: Sample
    messages: list[dict[str, Any]]
    problem: str = ""


def write_questions(
    samples: Sequence[Sample], settings: GenerationSettings
) -> list[ServerQuestion]:
    """The questions of a batch; a picture that several of them show is encoded once."""
    urls: dict[Image, str] = {}
    questions = []
    for sample in samples:
        thinned = thin_videos(sample, settings.video_frames)
        try:
            for frame in thinned.frames:
                if frame not in urls:
                    urls[frame] = data_url(frame, settings.max_pixels)
        except SamplesError as error:
            questions.append(ServerQuestion(sample, [], str(error)))
        else:
            questions.append(ServerQuestion(sample, _messages(thinned, settings, urls)))
    return questions


def data_url(frame: Image, max_pixels: int | None = None) -> str:
    """The picture in a URL: the file's own bytes where every server reads them alike, else PNG.

    Servers differ in whether they turn a picture upright and in what they make of transparency and
    animations, so that those are settled here, as for a checkpoint on this machine.

    Raises:
        SamplesError: the file cannot be read, is no picture, or is too large.
    """
    data = frame.read()
    pixels = math.prod(frame.size)
    kind = _common_kind(data) if pixels <= pictures.MAX_PIXELS // 2 else ""  # Pillow warns above
    if not kind or (max_pixels is not None and pixels > max_pixels):
        buffer = io.BytesIO()
        Picture.decode(frame, max_pixels).pixels.save(buffer, "PNG", compress_level=1)
        data, kind = buffer.getvalue(), "png"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _common_kind(data: bytes) -> str:
    """``png``, ``jpeg`` or ``webp`` where it is upright, opaque and one picture; else empty."""
    try:
        with Pillow.open(io.BytesIO(data)) as picture:
            upright = Pillow.Image.getexif(picture).get(EXIF_ORIENTATION, 1) == 1
            opaque = picture.mode in ("RGB", "L", "P") and "transparency" not in picture.info
            single = picture.format == "MPO" or not getattr(picture, "is_animated", False)
            kind = KINDS.get(picture.format or "", "")
    except Exception:  # whoever decodes it says what is wrong
        return ""
    return kind if upright and opaque and single else ""


def _messages(
    sample: Sample, settings: GenerationSettings, urls: Mapping[Image, str]
) -> list[dict[str, Any]]:
    turns = [_turn(message, urls) for message in sample.messages]
    if settings.system_prompt and sample.messages[0].role != "system":
        turns.insert(0, {"role": "system", "content": settings.system_prompt})
    return turns


def _turn(message: Message, urls: Mapping[Image, str]) -> dict[str, Any]:
    match message.parts:
        case (Text(text=text),):  # what every server takes, for every role
            return {"role": message.role, "content": text}
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, Text):
            content.append({"type": "text", "text": part.text})
        else:
            frames = part.frames if isinstance(part, Video) else (part,)
            content += [{"type": "image_url", "image_url": {"url": urls[f]}} for f in frames]
    return {"role": message.role, "content": content}
