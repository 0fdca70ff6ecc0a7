"""Everything that could have changed an answer changes its key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_vlm import versions
from pytest_vlm.evaluation.keys import answer_key, checkpoint_key, heatmap_key, score_key
from pytest_vlm.evaluation.samples import Region, Sample
from pytest_vlm.settings import GenerationSettings, LoadSettings

SAMPLE = Sample.ask(id="1", image=b"i", query="q", targets=("t",), cluster="c", meta={"a": 1})
ASKED = {
    "engine": "local",
    "fingerprint": "f",
    "load": LoadSettings(),
    "generation": GenerationSettings(),
    "device": "cpu x",
    "versions": {"torch": "2.13.0"},
}
OTHERS = {
    "engine": ["fake"],
    "fingerprint": ["g"],
    "load": [LoadSettings(dtype="bfloat16"), LoadSettings(attention="eager")],
    "generation": [
        GenerationSettings(max_new_tokens=65),
        GenerationSettings(stop=("x",)),
        GenerationSettings(temperature=0.7),
        GenerationSettings(temperature=0.7, completions=2),
        GenerationSettings(seed=1),
        GenerationSettings(system_prompt="be brief"),
        GenerationSettings(max_pixels=1000),
    ],
    "device": ["cuda y"],
    "versions": [{"torch": "2.13.1"}, {"torch": "2.13.0", "torchvision": "0.28"}, {}],
}


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, vs in OTHERS.items() for v in vs])
def test_a_checkpoint_key_is_of_everything_that_computes(field, value):
    assert checkpoint_key(**{**ASKED, field: value}) != checkpoint_key(**ASKED)


@pytest.mark.parametrize(
    "library", ["torch", "pillow", "jinja2", "sentencepiece", "bitsandbytes", "flash-attn"]
)
def test_another_version_of_what_computes_is_another_key(library, monkeypatch):
    without = {name: value for name, value in ASKED.items() if name != "versions"}
    found = set()
    for number in ("1.0", "1.1"):
        monkeypatch.setattr(versions, "version", {library: number}.get)
        found.add(checkpoint_key(**without))
    assert len(found) == 2


def test_all_keys_of_different_settings_differ():
    made = [checkpoint_key(**{**ASKED, f: v}) for f, vs in OTHERS.items() for v in vs]
    assert len(set(made)) == len(made)


def test_the_shape_of_batches_is_left_to_the_batch():
    other = GenerationSettings(batch_size=3, batch_tokens=5)
    assert checkpoint_key(**{**ASKED, "generation": other}) == checkpoint_key(**ASKED)


def test_an_answer_is_of_checkpoint_batch_and_content():
    other = replace(SAMPLE, messages=Sample.ask(id="1", image=b"j", query="q").messages)
    made = {
        answer_key("c", "b", SAMPLE),
        answer_key("d", "b", SAMPLE),
        answer_key("c", "a", SAMPLE),
        answer_key("c", "b", other),
        heatmap_key("c", "b", SAMPLE, method="attention", span=(0, 1), raw="x"),
        heatmap_key("c", "b", SAMPLE, method="attention", span=(0, 1), raw="y"),
        heatmap_key("c", "b", SAMPLE, method="attention", span=(0, 2), raw="x"),
        heatmap_key("c", "b", SAMPLE, method="rollout", span=(0, 1), raw="x"),
    }
    assert len(made) == 8
    assert answer_key("c", "b", replace(SAMPLE, id="2", targets=())) == answer_key("c", "b", SAMPLE)


@pytest.mark.parametrize(
    "change",
    [
        {"targets": ("u",)},
        {"choices": ("t", "u")},
        {"regions": (Region(box=(0, 0, 1, 1)),)},
        {"tags": ("x",)},
        {"meta": {"a": 2}},
    ],
)
def test_a_score_is_of_everything_that_the_answer_is_held_against(change):
    assert score_key("s", "j", replace(SAMPLE, **change)) != score_key("s", "j", SAMPLE)
    assert score_key("s", "j", replace(SAMPLE, id="2")) != score_key("s", "j", SAMPLE)
