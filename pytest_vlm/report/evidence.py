"""Evidence too large for a record: pictures and lists, as files in the run's folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_vlm.evaluation.samples import Image, Sample, Video
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.rendering import difference, fit_for_review, overlay, png

PICTURED = 12
THUMBNAIL = 256  # pixels of the longer edge of what a golden's maps are about


@dataclass(frozen=True, kw_only=True)
class Flip:
    """A sample whose value differs: of a binary score, one that only one side answers right."""

    sample: Sample
    lost: bool
    baseline_answer: str
    candidate_answer: str
    baseline_value: float
    candidate_value: float


@dataclass(frozen=True)
class Shown:
    """The one picture of a sample that stands for it.

    Attributes:
        image: itself.
        medium: which image or video of the sample it is or lies in.
        frame: which frame of a video.
        caption: which of how many it is.
    """

    image: Image
    medium: int
    frame: int
    caption: str

    @classmethod
    def of(cls, sample: Sample, maps: Sequence[Heatmap]) -> Shown:
        """The picture with the largest share of the maps; the first one without a map."""
        return cls._most(sample, lambda place: (sum(_share(one, place) for one in maps),))

    @classmethod
    def of_change(cls, sample: Sample, before: Heatmap, after: Heatmap) -> Shown:
        """The picture whose shares of two maps of the same cells differ most.

        Where none does but for rounding, the one with the largest share.
        """
        apart = np.abs(_shares(before) - _shares(after))

        def weight(place: tuple[int, int]) -> tuple[float, ...]:
            change = float(apart[_lies_in(before, place)].sum())
            return round(change, 6), _share(before, place)

        return cls._most(sample, weight)

    @classmethod
    def _most(cls, sample: Sample, weight: Callable[[tuple[int, int]], tuple[float, ...]]) -> Shown:
        pictures = [
            (image, medium, frame)
            for medium, shown in enumerate(sample.media)
            for frame, image in enumerate(shown.frames if isinstance(shown, Video) else [shown])
        ]
        weights = [weight((medium, frame)) for _, medium, frame in pictures]
        number = weights.index(max(weights))
        image, medium, frame = pictures[number]
        caption = f"image {number + 1} of {len(pictures)}" if len(pictures) > 1 else "image"
        return cls(image, medium, frame, caption)

    def parts(self, maps: Mapping[str, Heatmap | None]) -> dict[str, Heatmap]:
        """What of each map lies in this picture."""
        found = {key: one.on(self.medium, self.frame) for key, one in maps.items() if one}
        return {key: part for key, part in found.items() if part is not None}


@dataclass(frozen=True)
class EvidenceFolder:
    """Writes evidence below ``RUN/evidence`` and gives back paths relative to the run's folder."""

    folder: Path

    def write_flips(
        self,
        claim: str,
        flips: Sequence[Flip],
        maps: Callable[
            [Sequence[Sample]], tuple[Sequence[Heatmap | None], Sequence[Heatmap | None]]
        ],
    ) -> str:
        """List every flip, losses first; the first ones of each kind with picture and maps."""
        losses = [flip for flip in flips if flip.lost]
        wins = [flip for flip in flips if not flip.lost]
        pictured = [*losses[:PICTURED], *wins[:PICTURED]]
        before, after = maps([flip.sample for flip in pictured])
        target = self._target(claim)
        entries = [
            {**_words(flip), **_pictures(target, number, flip.sample, a, b)}
            for number, (flip, a, b) in enumerate(zip(pictured, before, after, strict=True))
        ]
        entries += [_words(flip) for flip in (*losses[PICTURED:], *wins[PICTURED:])]
        return self._finish(target, "flips.json", {"flips": entries})

    def write_golden(
        self,
        name: str,
        sample: Sample,
        *,
        golden: Heatmap | None,
        baseline: Heatmap | None,
        candidate: Heatmap,
    ) -> str:
        """The golden's map, both checkpoints' maps and the difference, on the golden's scale.

        Of several pictures the one that changed most is shown. A map with nothing in it is left
        out, and so is the difference of maps whose cells do not lie in the same places.
        """
        maps = {"golden": golden, "baseline": baseline, "candidate": candidate}
        comparable = golden is not None and _same_cells(golden, candidate)
        if golden is not None and comparable:
            shown = Shown.of_change(sample, golden, candidate)
        else:
            shown = Shown.of(sample, [golden or candidate])
        picture = shown.image.open()
        on_it = shown.parts(maps)
        top = float((golden or candidate).values.max())
        drawn = {key: overlay(picture, heatmap, top=top) for key, heatmap in on_it.items()}
        if golden is not None and comparable and "golden" in on_it:
            place = shown.medium, shown.frame
            drawn["difference"] = difference(picture, golden, candidate, place=place)
        small = picture.copy()
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        pictures = {"image": small, **drawn}
        words = {"id": sample.id, "query": sample.query, "picture": shown.caption}
        return self.write_golden_pictures(
            name, {key: png(image) for key, image in pictures.items()}, words
        )

    def write_golden_pictures(
        self,
        name: str,
        pictures: Mapping[str, bytes],
        words: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """PNGs of a golden as they are: ``golden``, ``baseline``, ``candidate``, ``difference``."""
        target = self._target(name)
        for key, content in pictures.items():
            (target / f"{key}.png").write_bytes(content)
        named = {key: f"{key}.png" for key in pictures}
        return self._finish(target, "golden.json", {**words, **named})

    def _target(self, name: str) -> Path:
        digest = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
        target = self.folder / "evidence" / digest
        target.mkdir(parents=True, exist_ok=True)
        return target

    def _finish(self, target: Path, name: str, content: dict[str, Any]) -> str:
        path = target / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return path.relative_to(self.folder).as_posix()


def _words(flip: Flip) -> dict[str, Any]:
    return {
        "id": flip.sample.id,
        "query": flip.sample.query,
        "targets": list(flip.sample.targets),
        "tags": list(flip.sample.tags),
        "lost": flip.lost,
        "baseline_answer": flip.baseline_answer,
        "candidate_answer": flip.candidate_answer,
        "baseline_value": flip.baseline_value,
        "candidate_value": flip.candidate_value,
    }


def _pictures(
    target: Path, number: int, sample: Sample, a: Heatmap | None, b: Heatmap | None
) -> dict[str, Any]:
    if not sample.frames:
        return {}
    shown = Shown.of(sample, [heatmap for heatmap in (a, b) if heatmap is not None])
    picture = shown.image.open()
    maps = shown.parts({"baseline_map": a, "candidate_map": b})
    top = max((float(heatmap.values.max()) for heatmap in maps.values()), default=0.0)
    drawn = {"image": fit_for_review(picture)}
    regions = [r.box for r in sample.regions if (r.media, r.frame) == (shown.medium, shown.frame)]
    drawn |= {
        key: overlay(picture, heatmap, top=top, regions=regions) for key, heatmap in maps.items()
    }
    for key, image in drawn.items():
        (target / f"{number:02d}-{key}.png").write_bytes(png(image))
    files = {key: f"{number:02d}-{key}.png" for key in drawn}
    return {**files, "picture": shown.caption, "outlined": bool(maps and regions)}


def _same_cells(one: Heatmap, other: Heatmap) -> bool:
    """Whether each cell of one map lies where that of the other does."""
    return (
        one.boxes.shape == other.boxes.shape
        and np.array_equal((one.media, one.frame), (other.media, other.frame))
        and bool(np.allclose(one.boxes, other.boxes))
    )


def _share(heatmap: Heatmap, place: tuple[int, int]) -> float:
    """Of the map's mass, in one picture."""
    return float(_shares(heatmap)[_lies_in(heatmap, place)].sum())


def _shares(heatmap: Heatmap) -> NDArray[np.float64]:
    """(n,) of the map's mass, in each of its cells; zeros without any."""
    values = heatmap.values.astype(np.float64)
    return values / (values.sum() or 1.0)


def _lies_in(heatmap: Heatmap, place: tuple[int, int]) -> NDArray[np.bool_]:
    """(n,) whether a cell lies in this medium and frame."""
    there: NDArray[np.bool_] = (heatmap.media == place[0]) & (heatmap.frame == place[1])
    return there
