"""One broken picture: its sample is named, the rest of the run goes on, and the claim is red."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_vlm.errors import ClaimNotShown
from pytest_vlm.report.model import SpeedRecord
from pytest_vlm.scores import exact_match
from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, Settings

DIGITS = Path(__file__).parents[2] / "app/digits"
COUNT, BATCH = 80, 8


class Bench:
    def __init__(self, home: Path) -> None:
        self.home = home
        shutil.copytree(DIGITS / "heldout", home / "data")
        self.settings = Settings(
            checkpoints=tuple(f"{n}={DIGITS / 'checkpoints' / n}" for n in ("weak", "strong")),
            samples=home / "data/samples.jsonl",
            limit=COUNT,
            cache_dir=home / "cache",
            generation=GenerationSettings(batch_size=BATCH),
        )

    def claim(self) -> tuple[str, int]:
        """What the claim says, and how many answers were computed for it."""
        with Session(self.settings, folder=self.home / "run") as session:
            comparison = session.compare(session.candidates[0], session.samples, score=exact_match)
            try:
                said = str(comparison.assert_not_worse(margin=0.2))
            except ClaimNotShown as problem:
                said = str(problem)
            speeds = [r for r in session.records if isinstance(r, SpeedRecord)]
        return said, sum(speed.samples for speed in speeds)


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("harm", ["truncate", "text", "empty"])
def test_a_broken_picture_is_named_and_asked_again_once_it_is_mended(bench, harm):
    picture = bench.home / "data/images/0003.png"
    whole = picture.read_bytes()
    broken = {"truncate": whole[: len(whole) // 2], "text": b"no picture", "empty": b""}[harm]
    picture.write_bytes(broken)
    said, computed = bench.claim()
    assert "2 of 80 samples have no value for weak, such as 0003-" in said
    assert "0003.png" in said
    assert computed == 2 * COUNT
    picture.write_bytes(whole)
    said, computed = bench.claim()
    assert "Not worse" in said
    assert computed == 2 * BATCH
