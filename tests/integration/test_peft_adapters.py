"""What peft itself writes is read without it, and belongs to its base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_vlm.checkpoint.inspection import inspect_checkpoint
from pytest_vlm.checkpoint.spec import parse_checkpoint

DEMO = Path(__file__).parents[2] / "app" / "digits" / "checkpoints" / "weak"
SOME = ["q_proj", "v_proj"]

peft = pytest.importorskip("peft")


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText.from_pretrained(DEMO)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("LORA", {"target_modules": SOME}),
        ("LORA", {"target_modules": "all-linear", "use_dora": True}),
        ("LORA", {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}),
        ("LORA", {"target_modules": SOME, "rank_pattern": {"v_proj": 3}}),
        ("LOHA", {"target_modules": SOME}),
        ("LOKR", {"target_modules": SOME}),
        ("ADALORA", {"target_modules": SOME, "total_step": 10}),
    ],
)
def test_what_peft_writes_belongs_to_its_base(model, tmp_path, kind, changes):
    ranks = {} if kind == "ADALORA" else {"r": 2}
    config = peft.PEFT_TYPE_TO_CONFIG_MAPPING[kind](**ranks, **changes)
    adapted = peft.get_peft_model(model, config)
    adapted.save_pretrained(tmp_path / "adapter")
    adapted.unload()
    found = inspect_checkpoint(parse_checkpoint(f"B={tmp_path / 'adapter'}"))
    assert found.path == DEMO
    assert found.patch is not None
    assert found.patch.kind == "adapter"
    assert f"a {kind} adapter of" in found.remarks[0]
