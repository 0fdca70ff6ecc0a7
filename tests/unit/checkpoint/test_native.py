"""What a card cannot do, by its compute capability."""

from __future__ import annotations

import pytest

from pytest_vlm.checkpoint.native import not_native

T4, A100, H100 = (7, 5), (8, 0), (9, 0)


@pytest.mark.parametrize(
    ("capability", "dtype", "attention", "said"),
    [
        (T4, "bfloat16", "sdpa", ["capability 7.5 has no native bfloat16"]),
        (T4, "float16", "flash_attention_2", ["cannot run flash_attention_2, which needs 8.0"]),
        (T4, "bfloat16", "flash_attention_2", ["no native bfloat16", "needs 8.0"]),
        (T4, "float16", "sdpa", []),
        (T4, "float32", "auto", []),
        (A100, "bfloat16", "flash_attention_2", []),
        (H100, "bfloat16", "flash_attention_2", []),
    ],
)
def test_is_said_with_what_to_choose(capability, dtype, attention, said):
    found = list(not_native(capability, dtype, attention))
    assert len(found) == len(said)
    for sentence, part in zip(found, said, strict=True):
        assert part in sentence
        assert "?" in sentence
