"""A sample: what is asked about which images, and what counts as right."""

from __future__ import annotations

import hashlib
import io
import json
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal
from uuid import uuid4

from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation import pictures

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

ENCODER = json.JSONEncoder(ensure_ascii=False)  # `json.dumps` makes one for each call
REFERENCE_ENCODER = json.JSONEncoder(sort_keys=True, default=repr)
SMALL = 65_536
Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """Words in a message."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Image:
    """A picture in a message, by path or by its encoded bytes (PNG, JPEG, ...).

    Digest and size are remembered. The bytes of a file are not, so that a large dataset does not
    fill the memory; instead, a file that changes after it was first read is refused.
    """

    source: Path | bytes

    def read(self) -> bytes:
        """The encoded bytes.

        Raises:
            SamplesError: the file cannot be read, or is too large.
        """
        with self._opened() as stream:
            return stream.read()

    @cached_property
    def digest(self) -> str:
        """blake2b of the encoded bytes, 32 hexadecimal digits.

        Raises:
            SamplesError: the file cannot be read, or is too large.
        """
        data = self.read()
        if "size" not in vars(self):  # the file is read once for both
            with suppress(ValueError):
                vars(self)["size"] = pictures.upright_size(io.BytesIO(data))
        return _digest(data)

    @cached_property
    def identity(self) -> str:
        """The digest; for a file that cannot be read a name that nothing else has, in any run."""
        try:
            return self.digest
        except SamplesError:
            return f"unreadable {uuid4().hex}"

    @cached_property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, upright as its EXIF orientation says; from the header alone.

        Raises:
            SamplesError: the file cannot be read, is no picture, or is too large.
        """
        with self._opened() as stream:
            start = stream.read(SMALL)
            if len(start) < SMALL:  # all of it, so the file is read once for both
                vars(self).setdefault("digest", _digest(start))
                return pictures.upright_size(io.BytesIO(start))
            stream.seek(0)
            return pictures.upright_size(stream)

    def open(self) -> PILImage:
        """The decoded RGB picture, upright; the first frame of an animation.

        Raises:
            SamplesError: the file cannot be read, is no picture, is broken, or is too large.
        """
        with self._opened() as stream:
            return pictures.decode(stream)

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        name = "given as bytes" if isinstance(self.source, bytes) else self.source
        try:
            if isinstance(self.source, bytes):
                yield io.BytesIO(self.source)
            else:
                stamp = _stamp(self.source)
                if vars(self).setdefault("_stamp", stamp) != stamp:
                    raise SamplesError(
                        f"the image {name} has changed since it was first read; "
                        "leave it alone during a run"
                    )
                with self.source.open("rb") as file:
                    yield file
        except OSError as error:
            raise SamplesError(f"cannot read the image {name}: {error.strerror}") from error
        except ValueError as error:
            raise SamplesError(f"cannot open the image {name}: {error}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Video:
    """A clip in a message, as its frames in order."""

    frames: tuple[Image, ...]


Part = Text | Image | Video
Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of the conversation."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
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


class _Cluster:
    """The name that was given, else that of the media, else the id.

    It is found when it is asked for: reading every picture of a large dataset only to know its rows
    is out of the question.
    """

    def __get__(self, sample: Sample | None, owner: type[Sample]) -> str:
        if sample is None:
            return ""  # what dataclasses takes as the field's default
        given: str = vars(sample)["cluster"]
        return given or sample._media_cluster

    def __set__(self, sample: Sample, given: str) -> None:
        vars(sample)["cluster"] = given


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """One question with its accepted answers.

    Attributes:
        id: unique in its dataset.
        messages: the conversation up to the answer.
        targets: accepted answers; empty where nothing is known.
        choices: the options of a multiple-choice question; empty otherwise.
        regions: where to look, in original pixels; empty where nothing is known.
        cluster: samples of one cluster are not independent; by default those with the same media
            (by their digests; by path where a file cannot be read).
        tags: names to slice and select by.
        meta: anything else the dataset says; not part of the digest.
    """

    id: str
    messages: tuple[Message, ...]
    targets: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()
    cluster: _Cluster = _Cluster()
    tags: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        """Equal in every field; media are read only where just one side names its cluster."""
        if self is other:
            return True
        if not isinstance(other, Sample):
            return NotImplemented
        mine, theirs = vars(self), vars(other)
        names = [field.name for field in fields(self) if field.name != "cluster"]
        return all(mine[name] == theirs[name] for name in names) and (
            mine["cluster"] == theirs["cluster"] or self.cluster == other.cluster
        )

    def __hash__(self) -> int:
        return hash(self.id)

    @classmethod
    def ask(cls, *, id: str, image: Path | bytes, query: str, **fields: Any) -> Sample:
        """One image, one question: the sugar for the most common sample."""
        message = Message(role="user", parts=(Image(source=image), Text(text=query)))
        return cls(id=id, messages=(message,), **fields)

    @cached_property
    def media(self) -> tuple[Image | Video, ...]:
        """Images and videos in order of appearance."""
        parts = (part for message in self.messages for part in message.parts)
        return tuple(part for part in parts if not isinstance(part, Text))

    @cached_property
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
    def _media_cluster(self) -> str:
        return "+".join(map(_digest_or_path, self.frames)) or self.id

    @cached_property
    def reference_digest(self) -> str:
        """What a score may hold an answer against. 32 hexadecimal digits."""
        seen = [
            [self.id, self.cluster, self.targets, self.choices, self.tags, dict(self.meta)],
            [[region.box, region.media, region.frame] for region in self.regions],
        ]
        return _digest(REFERENCE_ENCODER.encode(seen).encode())

    @cached_property
    def digest(self) -> str:
        """What a model sees of it: messages with the media's bytes. 32 hexadecimal digits.

        That of a sample whose media cannot be read is another one in each run: the sample can be
        planned with the others, refused when it is asked, and nothing kept is taken for it.
        """
        seen = [
            [message.role, [_identity(part) for part in message.parts]] for message in self.messages
        ]
        text = ENCODER.encode(seen)
        return _digest(text.encode())


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _stamp(path: Path) -> tuple[int, int, int]:
    """Size, time of the last change and inode of a file.

    Raises:
        OSError: there is none.
        SamplesError: it cannot be read at once (a pipe would block for ever), or is too large.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise SamplesError(f"cannot read the image {path}: it is not a regular file")
    if status.st_size > pictures.MAX_BYTES:
        raise SamplesError(
            f"cannot read the image {path}: it has {status.st_size / 2**20:,.0f} MiB, "
            f"more than the {pictures.MAX_BYTES // 2**20} MiB that are read"
        )
    return status.st_size, status.st_mtime_ns, status.st_ino


def _digest_or_path(frame: Image) -> str:
    try:
        return frame.digest
    except SamplesError:
        return str(frame.source)


def _identity(part: Part) -> list[Any]:
    match part:
        case Text(text=text):
            return ["text", text]
        case Image():
            return ["image", part.identity]
        case Video(frames=frames):
            return ["video", [frame.identity for frame in frames]]
