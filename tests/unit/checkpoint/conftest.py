"""A small base, and what is put over it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TENSORS = {
    "model.layers.0.q_proj.weight": np.ones((6, 4), np.float32),
    "model.layers.0.v_proj.weight": np.ones((2, 4), np.float32),
    "model.norm.weight": np.ones(4, np.float16),
}
LORA: Mapping[str, Any] = {
    "peft_type": "LORA",
    "base_model_name_or_path": "../base",
    "r": 2,
    "lora_alpha": 4,
    "bias": "none",
    "target_modules": ["q_proj"],
    "auto_mapping": {
        "base_model_class": "Qwen3VLForConditionalGeneration",
        "parent_library": "transformers.models.qwen3_vl.modeling_qwen3_vl",
    },
}
Q_PROJ = "base_model.model.model.layers.0.q_proj"

Save = Callable[..., Path]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A whole model."""
    from safetensors.numpy import save_file

    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["A"], "model_type": "llama"}')
    (folder / "tokenizer.json").write_text('{"model": {"vocab": {"a": 0}}}')
    (folder / "preprocessor_config.json").write_text('{"patch_size": 8}')
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    save_file(TENSORS, folder / "model.safetensors")
    return folder


@pytest.fixture
def save_delta(base: Path) -> Save:
    """Writes a delta of the base beside it; its tensors and its metadata may be others."""
    from safetensors.numpy import save_file

    def save(
        tensors: Mapping[str, np.ndarray] | None = None,
        *,
        name: str = "delta.safetensors",
        **metadata: str,
    ) -> Path:
        path = base.parent / name
        given = {"model.norm.weight": np.zeros(4, np.float16)} if tensors is None else tensors
        save_file(dict(given), path, metadata={"base": "base"} | metadata)
        return path

    return save


@pytest.fixture
def save_adapter(base: Path) -> Save:
    """Writes an adapter of the base; its tensors and its configuration may be others."""
    from safetensors.numpy import save_file

    def save(tensors: Mapping[str, np.ndarray] | None = None, **changes: Any) -> Path:
        folder = base.parent / "adapter"
        folder.mkdir(exist_ok=True)
        pair = {
            f"{Q_PROJ}.lora_A.weight": np.ones((2, 4), np.float32),
            f"{Q_PROJ}.lora_B.weight": np.zeros((6, 2), np.float32),
        }
        save_file(pair if tensors is None else dict(tensors), folder / "adapter_model.safetensors")
        (folder / "adapter_config.json").write_text(json.dumps({**LORA, **changes}))
        return folder

    return save
