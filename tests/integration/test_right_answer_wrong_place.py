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
    cache = cued.parent / "cache"
    settings = Settings(checkpoints=(f"A={STRONG}", f"B={MISLED}"), samples=cued, cache_dir=cache)
    with Session(settings, folder=cued.parent / "report") as session:
        misled, samples = session.candidates[0], session.samples
        assert session.compare(misled, samples, score=exact_match).assert_not_worse(margin=0.05)
        with pytest.raises(AssertionError, match="Worse: the candidate loses more") as red:
            session.compare(misled, samples, score=pointing_game).assert_not_worse(margin=0.05)
        assert red.value.verdict == "fail"
        right = session.evaluate(session.baseline, samples, pointing_game)
        wrong = session.evaluate(misled, samples, pointing_game)
    assert np.mean([value.value for value in right.values]) > 0.95
    assert np.mean([value.value for value in wrong.values]) < 0.05


def test_the_gate_holds_it(cued, pytester):
    pytester.makepyfile(
        test_answers=(ROOT / "suites/test_answers.py").read_text(),
        test_relevance=(ROOT / "suites/test_relevance.py").read_text(),
    )
    result = pytester.runpytest_subprocess(
        f"--checkpoint=A={STRONG}",
        f"--checkpoint=B={MISLED}",
        f"--vlm-samples={cued}",
        f"--vlm-cache-dir={cued.parent / 'cache'}",
        "-rN",
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["HOLD *B against A*", "*pointing game: Worse*"])
    result.stdout.fnmatch_lines(["*shown: exact match: Not worse*"])
    page = (pytester.path / "vlm-report/index.html").read_text()
    assert "only A looks at the right place" in page
    assert "outlined: the region that should be looked at" in page
