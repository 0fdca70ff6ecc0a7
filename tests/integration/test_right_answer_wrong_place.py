"""A checkpoint that answers right while it looks elsewhere: accuracy passes, relevance holds it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.digits.data import draw_cued, load_split, queries
from app.digits.samples import write_samples
from pytest_vlm.scores import exact_match, pointing_game
from pytest_vlm.session import Session
from pytest_vlm.settings import Settings

ROOT = Path(__file__).parents[2]
STRONG = ROOT / "app/digits/checkpoints/strong"
MISLED = ROOT / "app/digits/checkpoints/misled.safetensors"


@pytest.fixture(scope="module")
def cued(tmp_path_factory) -> Path:
    """Pictures in which the opposite cell shows the same digit."""
    folder = tmp_path_factory.mktemp("cued")
    write_samples(folder, images=200, seed=1, cued=True)
    return folder / "samples.jsonl"


def test_both_cells_show_the_answer():
    digits, rng = load_split("heldout"), np.random.default_rng(0)
    for _ in range(20):
        grid = draw_cued(digits, rng)
        answers = [query.answer for query in queries(grid) if query.kind == "where"]
        assert answers == answers[::-1]
        assert len(set(answers)) == 2


def test_it_is_as_accurate_and_looks_elsewhere(cued):
    settings = Settings(
        checkpoints=(f"A={STRONG}", f"B={MISLED}"), samples=cued, cache_dir=cued.parent / "cache"
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["HOLD *B against A*", "*pointing game: Worse*"])
    result.stdout.fnmatch_lines(["*shown: exact match: Not worse*"])
