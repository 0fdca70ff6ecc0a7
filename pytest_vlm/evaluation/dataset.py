"""A dataset of samples, and the JSONL file it is read from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args, overload

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


class Dataset(Sequence[Sample]):
    """Samples in order, found by position, by slice or by id.

    Raises:
        SamplesError: two samples share one id.
    """

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = tuple(samples)
        self._by_id: dict[str, Sample] = {}
        for sample in self._samples:
            if sample.id in self._by_id:
                raise SamplesError(f"two samples have the id {sample.id!r}; ids must be unique")
            self._by_id[sample.id] = sample

    @overload
    def __getitem__(self, key: int | str) -> Sample: ...
    @overload
    def __getitem__(self, key: slice) -> Dataset: ...
    def __getitem__(self, key: int | str | slice) -> Sample | Dataset:
        if isinstance(key, slice):
            return Dataset(self._samples[key])
        if isinstance(key, int):
            return self._samples[key]
        try:
            return self._by_id[key]
        except KeyError:
            raise SamplesError(f"no sample has the id {key!r}") from None

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._samples)

    def __repr__(self) -> str:
        return f"Dataset({len(self)} samples)"

    def with_regions(self) -> Dataset:
        """The samples that say where to look."""
        return Dataset(sample for sample in self if sample.regions)

    def tagged(self, tag: str) -> Dataset:
        """The samples that carry the tag."""
        return Dataset(sample for sample in self if tag in sample.tags)


def read_samples(path: Path) -> Dataset:
    """Read a JSONL file: one JSON object a line, images relative to the file.

    Raises:
        SamplesError: with the file and the line, for anything that is not a usable sample.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise SamplesError(f"cannot read the samples file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SamplesError(f"{path} is not UTF-8 text (byte {error.start})") from error
    seen: dict[str, int] = {}
    samples = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            sample = _parse_line(line, folder=path.parent)
            if sample.id in seen:
                raise SamplesError(
                    f"the id {sample.id!r} was already used on line {seen[sample.id]}"
                )
        except SamplesError as error:
            raise SamplesError(f"{path}, line {number}: {error}") from error
        seen[sample.id] = number
        samples.append(sample)
    if not samples:
        raise SamplesError(
            f"{path} holds no samples; write one JSON object a line, for example "
            '{"id": "1", "image": "cat.png", "query": "What is this?", "target": "a cat"}'
        )
    return Dataset(samples)


def _parse_line(line: str, folder: Path) -> Sample:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SamplesError(f"not valid JSON ({error})") from error
    if not isinstance(row, dict):
        raise SamplesError(f"expected a JSON object, found {type(row).__name__}")
    unknown = sorted(set(row) - FIELDS)
    if unknown:
        raise SamplesError(
            f"unknown field {unknown[0]!r}; known are {', '.join(sorted(FIELDS))} "
            "(put anything else under 'meta')"
        )
    if not isinstance(row.get("id"), str | int) or row["id"] == "" or isinstance(row["id"], bool):
        raise SamplesError("every sample needs an 'id' (a string)")
    meta = row.get("meta", {})
    if not isinstance(meta, dict):
        raise SamplesError("'meta' must be an object")
    sample = Sample(
        id=str(row["id"]),
        messages=_messages(row, folder),
        targets=_strings(row, "target"),
        choices=_strings(row, "choices"),
        regions=_regions(row),
        cluster="" if row.get("cluster") is None else str(row["cluster"]),
        tags=_strings(row, "tags"),
        meta=cast(Mapping[str, Any], meta),
    )
    _check_media(sample)
    return sample


def _messages(row: dict[str, Any], folder: Path) -> tuple[Message, ...]:
    if "messages" in row:
        if {"image", "images", "query"} & set(row):
            raise SamplesError("give either 'messages' or 'image(s)' with 'query', not both")
        if not isinstance(row["messages"], list) or not row["messages"]:
            raise SamplesError("'messages' must be a list of chat messages")
        return tuple(_message(message, folder) for message in row["messages"])
    if not isinstance(row.get("query"), str) or not row["query"].strip():
        raise SamplesError("a sample needs a 'query' (text)")
    if "image" in row and "images" in row:
        raise SamplesError("give either 'image' or 'images', not both")
    images = row.get("images", [row["image"]] if "image" in row else None)
    if not isinstance(images, list) or not images:
        raise SamplesError("a sample needs an 'image' (a path), or 'images' (a list of paths)")
    parts: list[Part] = [_image(image, folder) for image in images]
    return (Message(role="user", parts=(*parts, Text(text=row["query"]))),)


def _message(message: object, folder: Path) -> Message:
    if not isinstance(message, dict) or message.get("role") not in get_args(Role):
        raise SamplesError(f"a message needs a 'role' out of {', '.join(get_args(Role))}")
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list) or not content:
        raise SamplesError("a message needs 'content': text, or a list of parts")
    return Message(role=message["role"], parts=tuple(_part(part, folder) for part in content))


def _part(part: object, folder: Path) -> Part:
    match part:
        case {"type": "text", "text": str(text)}:
            return Text(text=text)
        case {"type": "image", "image": image}:
            return _image(image, folder)
        case {"type": "video", "video": list(frames)} if frames:
            return Video(frames=tuple(_image(frame, folder) for frame in frames))
    raise SamplesError(
        'a message part is {"type": "text", "text": ...}, {"type": "image", "image": path} '
        'or {"type": "video", "video": [paths of the frames]}'
    )


def _image(path: object, folder: Path) -> Image:
    if not isinstance(path, str) or not path:
        raise SamplesError(f"an image is given as a path, found {path!r}")
    if "://" in path:
        raise SamplesError(f"the image {path!r} is an address; download it and give its path")
    return Image(source=folder / path)


def _strings(row: dict[str, Any], field: str) -> tuple[str, ...]:
    value = row.get(field, [])
    values = value if isinstance(value, list) else [value]
    if not all(
        isinstance(item, str | int | float) and not isinstance(item, bool) for item in values
    ):
        raise SamplesError(f"{field!r} must be a string or a list of strings, found {value!r}")
    return tuple(str(item) for item in values)


def _regions(row: dict[str, Any]) -> tuple[Region, ...]:
    box = row.get("region")
    if box is None:
        return ()
    if not (
        isinstance(box, list)
        and len(box) == 4
        and all(isinstance(edge, int | float) and not isinstance(edge, bool) for edge in box)
    ):
        raise SamplesError(f"'region' must be [x0, y0, x1, y1] in pixels, found {box!r}")
    return (Region(box=cast(Box, tuple(float(edge) for edge in box))),)


def _check_media(sample: Sample) -> None:
    sizes = [frame.check() for frame in sample.frames]
    for region in sample.regions:
        if region.media >= len(sizes):
            raise SamplesError("a 'region' needs an image to lie in")
        width, height = sizes[region.media]
        x0, y0, x1, y1 = region.box
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise SamplesError(
                f"the region {list(region.box)} is not inside its image of {width}x{height} px; "
                "a region is [x0, y0, x1, y1] with x0 < x1 and y0 < y1"
            )
