"""One row, as a JSON object or a table has it, becomes one sample."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeGuard, cast, get_args

from pytest_vlm.data.media_folder import MediaFolder, shortened
from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.samples import (
    Box,
    Image,
    Message,
    Part,
    Region,
    Role,
    Sample,
    Text,
    Video,
)

FIELDS = frozenset(
    [
        "id",
        "image",
        "images",
        "messages",
        "query",
        "target",
        "choices",
        "region",
        "cluster",
        "tags",
        "meta",
    ]
)
ALIASES = {
    "question": "query",
    "answers": "target",
    "answer": "target",
    "options": "choices",
    "file_name": "image",
    "file_names": "images",
}
LONGEST_ID = 200


def from_columns(columns: dict[str, Any], number: int) -> dict[str, Any]:
    """A row of a table, whose columns others named, under the names of `FIELDS`.

    `ALIASES` hold where the field itself is not there; a row without an id is known by its number;
    further text and numbers become part of ``meta``. None is an empty cell.
    """
    row = {name: value for name, value in columns.items() if name in FIELDS and value is not None}
    others = {name: value for name, value in columns.items() if name not in FIELDS}
    for alias, field in ALIASES.items():
        if field not in row and others.get(alias) is not None:
            row[field] = others.pop(alias)
    if "id" not in columns:
        row["id"] = str(number)
    others = {name: v for name, v in others.items() if isinstance(v, str | int | float | bool)}
    if others and isinstance(row.get("meta", {}), dict):
        row["meta"] = others | row.get("meta", {})
    return row


def require_question(columns: Iterable[str], name: str) -> None:
    """Refuse a table without any column that asks something.

    Raises:
        SamplesError: with the columns it has.
    """
    columns = list(columns)
    if not {ALIASES.get(column, column) for column in columns} & {"query", "messages"}:
        raise SamplesError(
            f"{name} has no column 'query', 'question' or 'messages'; its columns are "
            f"{shortened(', '.join(columns))}"
        )


class RowParser:
    """Makes samples of rows.

    Args:
        media: where their pictures lie.
    """

    def __init__(self, media: MediaFolder) -> None:
        self._media = media

    def sample(self, row: dict[str, Any]) -> Sample:
        """The sample of a row; no file is looked at.

        Raises:
            SamplesError: with what is wrong with it.
        """
        meta = row.get("meta", {})
        if not isinstance(meta, dict):
            raise SamplesError("'meta' must be an object")
        return Sample(
            id=_id(row.get("id")),
            messages=self._messages(row),
            targets=_strings(row, "target"),
            choices=_strings(row, "choices"),
            regions=_regions(row),
            cluster=_cluster(row.get("cluster")),
            tags=_strings(row, "tags"),
            meta=meta,
        )

    def check(self, sample: Sample) -> None:
        """Refuse pictures that are not there, and regions that do not lie in them.

        Pictures are not decoded, and one with a broken header is refused when it is asked about.

        Raises:
            SamplesError: with what is wrong.
        """
        frames = sample.frames
        for frame in frames:
            self._media.check(frame)
        for region in sample.regions:
            if region.media >= len(sample.media):
                raise SamplesError("a 'region' needs an image to lie in")
            medium = sample.media[region.media]
            shown = medium.frames[region.frame] if isinstance(medium, Video) else medium
            _check_region(region.box, _size_or_none(shown))

    def _messages(self, row: dict[str, Any]) -> tuple[Message, ...]:
        if "messages" in row:
            if {"image", "images", "query"} & set(row):
                raise SamplesError("give either 'messages' or 'image(s)' with 'query', not both")
            if not isinstance(row["messages"], list) or not row["messages"]:
                raise SamplesError("'messages' must be a list of chat messages")
            return tuple(self._message(message) for message in row["messages"])
        query = row.get("query")
        if not isinstance(query, str) or not query.strip():
            raise SamplesError("a sample needs a 'query' (text)")
        if "image" in row and "images" in row:
            raise SamplesError("give either 'image' or 'images', not both")
        images = row.get("images", [row["image"]] if "image" in row else None)
        if not isinstance(images, list) or not images:
            raise SamplesError("a sample needs an 'image' (a path), or 'images' (a list of paths)")
        parts: list[Part] = [self._image(image) for image in images]
        return (Message(role="user", parts=(*parts, Text(text=query))),)

    def _message(self, message: object) -> Message:
        if not isinstance(message, dict) or message.get("role") not in get_args(Role):
            raise SamplesError(f"a message needs a 'role' out of {', '.join(get_args(Role))}")
        content = message.get("content")
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        if not isinstance(content, list) or not content:
            raise SamplesError("a message needs 'content': text, or a list of parts")
        return Message(role=message["role"], parts=tuple(self._part(part) for part in content))

    def _part(self, part: object) -> Part:
        match part:
            case {"type": "text", "text": str(text)}:
                return Text(text=text)
            case {"type": "image", "image": image}:
                return self._image(image)
            case {"type": "video", "video": list(frames)} if frames:
                return Video(frames=tuple(self._image(frame) for frame in frames))
        raise SamplesError(
            'a message part is {"type": "text", "text": ...}, {"type": "image", "image": path} '
            'or {"type": "video", "video": [paths of the frames]}'
        )

    def _image(self, image: object) -> Image:
        """A path, or the encoded bytes that a table holds."""
        match image:
            case {"bytes": bytes(data)} | bytes(data):
                return Image(source=data)
            case {"path": str(path)}:
                return self._media.image(path)
        return self._media.image(image)


def _id(value: object) -> str:
    if not isinstance(value, str | int) or value == "" or isinstance(value, bool):
        raise SamplesError("every sample needs an 'id' (a string)")
    id = str(value)
    if len(id) > LONGEST_ID:
        raise SamplesError(
            f"the id {shortened(id, 40)} has {len(id)} characters; at most {LONGEST_ID} are taken"
        )
    if not id.isprintable() or "/" in id or "\\" in id or id in (".", ".."):
        raise SamplesError(
            f"the id {id!r} cannot name a file; use no slashes and no invisible characters"
        )
    return id


def _cluster(value: object) -> str:
    if value is None:
        return ""
    if not _is_word(value):
        raise SamplesError(f"'cluster' must be a string, found {shortened(value)}")
    return str(value)


def _strings(row: dict[str, Any], field: str) -> tuple[str, ...]:
    if field not in row:
        return ()
    value = row[field]
    if isinstance(value, str):
        return (value,)
    values = value if isinstance(value, list) else [value]
    if not all(map(_is_word, values)):
        raise SamplesError(
            f"{field!r} must be a string or a list of strings, found {shortened(value)}"
        )
    return tuple(map(str, values))


def _is_word(item: object) -> bool:
    if isinstance(item, float):
        return math.isfinite(item)
    return isinstance(item, str) or _is_number(item)


def _is_number(item: object) -> TypeGuard[int | float]:
    return isinstance(item, int | float) and not isinstance(item, bool)


def _regions(row: dict[str, Any]) -> tuple[Region, ...]:
    box = row.get("region")
    if box is None:
        return ()
    if not (isinstance(box, list) and len(box) == 4 and all(map(_is_number, box))):
        raise SamplesError(f"'region' must be [x0, y0, x1, y1] in pixels, found {shortened(box)}")
    try:
        return (Region(box=cast(Box, tuple(map(float, box)))),)
    except OverflowError:
        raise SamplesError(f"the region {shortened(box)} is not inside its image") from None


def _size_or_none(frame: Image) -> tuple[int, int] | None:
    try:
        return frame.size
    except SamplesError:
        return None


def _check_region(box: Box, size: tuple[int, int] | None) -> None:
    x0, y0, x1, y1 = box
    width, height = size or (math.inf, math.inf)
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        picture = f" of {width}x{height} px" if size else ""
        raise SamplesError(
            f"the region {list(box)} is not inside its image{picture}; "
            "a region is [x0, y0, x1, y1] with x0 < x1 and y0 < y1"
        )
