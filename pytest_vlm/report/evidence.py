"""Evidence too large for a record: pictures and lists, as files in the run's folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_vlm.evaluation.samples import Sample
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
        picture = sample.frames[0].open()
        target = self._target(name)
        top = float((golden or candidate).values.max())
        drawn = {
            key: overlay(picture, heatmap, top=top)
            for key, heatmap in (
                ("golden", golden),
                ("baseline", baseline),
                ("candidate", candidate),
            )
            if heatmap is not None
        }
        if golden is not None and golden.boxes.shape == candidate.boxes.shape:
            drawn["difference"] = difference(picture, golden, candidate)
        entry = {"id": sample.id, "query": sample.query, "image": "image.png"}
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
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")
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
    picture = sample.frames[0].open()
    top = max((float(m.values.max()) for m in (a, b) if m is not None), default=0.0)
    drawn = {"image": fit_for_review(picture)}
    drawn |= {
        key: overlay(picture, heatmap, top=top)
        for key, heatmap in (("baseline_map", a), ("candidate_map", b))
        if heatmap is not None
    }
    for key, image in drawn.items():
        (target / f"{number:02d}-{key}.png").write_bytes(png(image))
    return {key: f"{number:02d}-{key}.png" for key in drawn}
