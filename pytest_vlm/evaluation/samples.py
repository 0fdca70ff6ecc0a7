"""A sample: what is asked about which images, and what counts as right."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_vlm.errors import SamplesError

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

EXIF_ORIENTATION = 0x0112
SIXTEEN_TO_EIGHT_BITS = 257

Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Text:
    """Words in a message."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Image:
    """A picture in a message, by path or by its encoded bytes (PNG, JPEG, ...)."""

    source: Path | bytes

    def read(self) -> bytes:
        """The encoded bytes; not kept, so that a large dataset does not fill the memory.

        Raises:
            SamplesError: the file cannot be read.
        """
        if isinstance(self.source, bytes):
            return self.source
        try:
            return self.source.read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SamplesError(f"cannot read the image {self.source}: {reason}") from error

    @cached_property
    def digest(self) -> str:
        """blake2b of the encoded bytes, 32 hexadecimal digits."""
        return hashlib.blake2b(self.read(), digest_size=16).hexdigest()

    def open(self) -> PILImage:
        """The decoded RGB picture, upright as its EXIF orientation says.

        Raises:
            SamplesError: Pillow cannot decode it.
        """
        from PIL import ImageOps

        with self._decoding() as picture:
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I"):  # 16 bits: Pillow's conversion would clip at 255
                upright = upright.point(lambda value: value / SIXTEEN_TO_EIGHT_BITS).convert("L")
            return upright.convert("RGB")

    def check(self) -> tuple[int, int]:
        """Upright (width, height), after the file was decoded once, a JPEG at a low resolution.

        Raises:
            SamplesError: Pillow does not know the format, or finds the file broken.
        """
        with self._decoding() as picture:
            width, height = picture.size
            turned = picture.getexif().get(EXIF_ORIENTATION, 1) in (5, 6, 7, 8)
            picture.draft("RGB", (1, 1))
            picture.load()
        return (height, width) if turned else (width, height)

    @contextmanager
    def _decoding(self) -> Iterator[PILImage]:
        from PIL import Image as Pillow

        try:
            with Pillow.open(io.BytesIO(self.read())) as picture:
                yield picture
        except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
            name = self.source if isinstance(self.source, Path) else "given as bytes"
            raise SamplesError(f"cannot open the image {name}: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Video:
    """A clip in a message, as its frames in order."""

    frames: tuple[Image, ...]


Part = Text | Image | Video
Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, kw_only=True)
class Message:
    """One turn of the conversation."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where the answer is to be seen.

    Attributes:
        box: x0, y0, x1, y1 in pixels of the original (upright) picture; x1 and y1 exclusive.
        media: which image or video of the sample, counted from 0 in order of appearance.
        frame: which frame, for a video.
    """

    box: Box
    media: int = 0
    frame: int = 0


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One question with its accepted answers.

    Attributes:
        id: unique in its dataset.
        messages: the conversation up to the answer.
        targets: accepted answers; empty where nothing is known.
        choices: the options of a multiple-choice question; empty otherwise.
        regions: where to look, in original pixels; empty where nothing is known.
        cluster: samples of one cluster are not independent; by default those with the same media.
        tags: names to slice and select by.
        meta: anything else the dataset says; not part of the digest.
    """

    id: str
    messages: tuple[Message, ...]
    targets: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()
    cluster: str = ""
    tags: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.cluster:
            digests = "+".join(frame.digest for frame in self.frames) or self.id
            object.__setattr__(self, "cluster", digests)

    @classmethod
    def ask(cls, *, id: str, image: Path | bytes, query: str, **fields: Any) -> Sample:
        """One image, one question: the sugar for the most common sample."""
        message = Message(role="user", parts=(Image(source=image), Text(text=query)))
        return cls(id=id, messages=(message,), **fields)

    @property
    def media(self) -> tuple[Image | Video, ...]:
        """Images and videos in order of appearance."""
        parts = (part for message in self.messages for part in message.parts)
        return tuple(part for part in parts if not isinstance(part, Text))

    @property
    def frames(self) -> tuple[Image, ...]:
        """Every picture in order of appearance; a video counts as its frames."""
        return tuple(
            frame
            for medium in self.media
            for frame in (medium.frames if isinstance(medium, Video) else (medium,))
        )

    @property
    def query(self) -> str:
        """The text of the last user message."""
        for message in reversed(self.messages):
            if message.role == "user":
                return " ".join(part.text for part in message.parts if isinstance(part, Text))
        return ""

    @cached_property
    def digest(self) -> str:
        """What a model sees of it: messages with the media's bytes. 32 hexadecimal digits."""
        seen = [
            [message.role, [_identity(part) for part in message.parts]] for message in self.messages
        ]
        text = json.dumps(seen, ensure_ascii=False)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _identity(part: Part) -> list[Any]:
    match part:
        case Text(text=text):
            return ["text", text]
        case Image():
            return ["image", part.digest]
        case Video(frames=frames):
            return ["video", [frame.digest for frame in frames]]
