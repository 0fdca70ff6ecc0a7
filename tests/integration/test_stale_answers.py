"""An answer that anything could have changed is asked again; all else is known."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from pytest_vlm import versions
from pytest_vlm.report.model import SpeedRecord
from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, Settings

DIGITS = Path(__file__).parents[2] / "app/digits"
COUNT = 12


class Bench:
    """One checkpoint folder and one cache that every run shares."""

    def __init__(self, home: Path) -> None:
        self.checkpoint, self.cache = home / "checkpoint", home / "cache"
        shutil.copytree(DIGITS / "checkpoints/weak", self.checkpoint)

    def run(self, options: str = "", **generation: object) -> tuple[list[str], int, int]:
        """Answers, how many were computed, and how many were known."""
        settings = Settings(
            checkpoints=(f"A={self.checkpoint}{options}",),
            samples=DIGITS / "heldout/samples.jsonl",
            limit=COUNT,
            cache_dir=self.cache,
            generation=GenerationSettings(**generation),
        )
        with Session(settings) as session:
            answers = session.predict(session.checkpoints[0], session.samples)
            [speed] = [r for r in session.records if isinstance(r, SpeedRecord)]
        return [answer.answer for answer in answers], speed.samples, speed.reused


@pytest.fixture
def bench(tmp_path) -> Bench:
    bench = Bench(tmp_path)
    assert bench.run()[1:] == (COUNT, 0)
    return bench


def test_nothing_changed_so_everything_is_known(bench):
    assert bench.run()[1:] == (0, COUNT)


def test_a_moved_checkpoint_is_the_same(bench, tmp_path):
    bench.checkpoint = bench.checkpoint.rename(tmp_path / "elsewhere")
    assert bench.run()[1:] == (0, COUNT)


def test_weights_overwritten_with_the_times_of_the_old_ones(bench):
    weights = bench.checkpoint / "model.safetensors"
    old = weights.stat()
    before = bench.run()[0]
    weights.write_bytes((DIGITS / "checkpoints/strong/model.safetensors").read_bytes())
    os.utime(weights, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert weights.stat().st_size == old.st_size
    after, computed, known = bench.run()
    assert (computed, known) == (COUNT, 0)
    assert after != before


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("preprocessor_config.json", {"image_mean": [0.2, 0.2, 0.2]}),
        ("generation_config.json", {"repetition_penalty": 1.3}),
        ("tokenizer_config.json", {"model_max_length": 77}),
    ],
)
def test_a_changed_file_of_the_processor_tokenizer_or_generation(bench, file, change):
    path = bench.checkpoint / file
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert bench.run()[1:] == (COUNT, 0)


def test_another_chat_template(bench):
    template = bench.checkpoint / "chat_template.jinja"
    template.write_text(template.read_text() + "\n")
    assert bench.run()[1:] == (COUNT, 0)


@pytest.mark.parametrize("options", ["?dtype=bfloat16", "?attention=eager"])
def test_another_way_to_load(bench, options):
    assert bench.run(options)[1:] == (COUNT, 0)


@pytest.mark.parametrize(
    "generation",
    [
        {"max_new_tokens": 9},
        {"batch_size": 5},
        {"system_prompt": "be brief"},
        {"stop": ("7",)},
        {"max_pixels": 1000},
        {"temperature": 0.7},
    ],
)
def test_other_settings(bench, generation):
    assert bench.run(**generation)[1:] == (COUNT, 0)


@pytest.mark.parametrize("library", ["torch", "transformers", "tokenizers", "pillow"])
def test_another_version_of_a_library(bench, library, monkeypatch):
    installed = versions.version
    monkeypatch.setattr(
        versions, "version", lambda name: "0.0.1" if name == library else installed(name)
    )
    assert bench.run()[1:] == (COUNT, 0)
