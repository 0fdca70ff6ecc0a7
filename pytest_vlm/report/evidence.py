"""Evidence too large for a record: pictures and lists, as files in the run's folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_vlm.evaluation.samples import Image, Sample, Video
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.rendering import difference, fit_for_review, overlay, png

PICTURED = 12


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
        pictures = [
            (image, medium, frame)
            for medium, shown in enumerate(sample.media)
            for frame, image in enumerate(shown.frames if isinstance(shown, Video) else [shown])
        ]
        shares = [sum(_share(one, *place) for one in maps) for _, *place in pictures]
        number = shares.index(max(shares))
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
        """The golden's map, both checkpoints' maps and the difference, on the golden's scale."""
        maps = {"golden": golden, "baseline": baseline, "candidate": candidate}
        shown = Shown.of(sample, [golden or candidate])
        picture = shown.image.open()
        on_it = shown.parts(maps)
        target = self._target(name)
        top = float((golden or candidate).values.max())
        drawn = {key: overlay(picture, heatmap, top=top) for key, heatmap in on_it.items()}
        if {"golden", "candidate"} <= on_it.keys():
            accepted, new = on_it["golden"], on_it["candidate"]
            if accepted.boxes.shape == new.boxes.shape:
                drawn["difference"] = difference(picture, accepted, new)
        entry = {
            "id": sample.id,
            "query": sample.query,
            "image": "image.png",
            "picture": shown.caption,
        }
        (target / "image.png").write_bytes(png(fit_for_review(picture)))
        for key, image in drawn.items():
            (target / f"{key}.png").write_bytes(png(image))
            entry[key] = f"{key}.png"
        return self._finish(target, "golden.json", entry)

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
) -> dict[str, str]:
    if not sample.frames:
        return {}
    shown = Shown.of(sample, [heatmap for heatmap in (a, b) if heatmap is not None])
    picture = shown.image.open()
    maps = shown.parts({"baseline_map": a, "candidate_map": b})
    top = max((float(heatmap.values.max()) for heatmap in maps.values()), default=0.0)
    drawn = {"image": fit_for_review(picture)}
    drawn |= {key: overlay(picture, heatmap, top=top) for key, heatmap in maps.items()}
    for key, image in drawn.items():
        (target / f"{number:02d}-{key}.png").write_bytes(png(image))
    return {**{key: f"{number:02d}-{key}.png" for key in drawn}, "picture": shown.caption}


def _share(heatmap: Heatmap, medium: int, frame: int) -> float:
    """Of the map's mass, in one picture."""
    part, whole = heatmap.on(medium, frame), float(heatmap.values.sum())
    return float(part.values.sum()) / whole if part is not None and whole else 0.0
