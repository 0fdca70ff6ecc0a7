"""Loading a model from a folder, without running its code and without random weights."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.utils import logging as transformers_logging

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import CheckpointError, EngineError
from pytest_vlm.settings import LoadSettings


def choose_device(load: LoadSettings) -> str:
    """``auto`` takes CUDA where there is one, else the CPU."""
    if load.device != "auto":
        return load.device
    return "cuda" if torch.cuda.is_available() else "cpu"


@cache
def import_architecture(folder: Path) -> None:
    """Import what transformers imports late, so that it does not count as a checkpoint's memory.

    A skeleton without weights is built and dropped. What cannot be built is left to `load_model`,
    which says why.
    """
    with suppress(OSError, ValueError, KeyError, ImportError), torch.device("meta"):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        AutoModelForImageTextToText.from_config(config, trust_remote_code=False)


@dataclass(frozen=True)
class LoadedModel:
    """A model, and what a reviewer should know of how it was loaded."""

    model: Any
    events: tuple[str, ...]


def load_model(spec: CheckpointSpec, folder: Path) -> LoadedModel:
    """The model in evaluation mode, on the CPU; runs no code of the checkpoint's.

    Raises:
        CheckpointError: weights that do not fit the configuration: they would be random numbers.
        EngineError: transformers cannot load it for another reason.
    """
    auto: Any = AutoModelForImageTextToText
    attention = {}
    if spec.load.attention != "auto":
        attention["attn_implementation"] = spec.load.attention
    transformers_logging.disable_progress_bar()
    try:
        model, info = auto.from_pretrained(
            folder,
            dtype=spec.load.dtype,
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # so that they are named below, and refused
            **attention,
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise EngineError(f"{spec.name} ({folder}) could not be loaded: {error}") from error
    for kind, meaning in (
        ("missing_keys", "has no weights for"),
        ("mismatched_keys", "has weights of another shape for"),
    ):
        if info.get(kind):
            names = sorted(k if isinstance(k, str) else str(k[0]) for k in info[kind])
            raise CheckpointError(
                f"{spec.name} ({folder}) {meaning} {len(names)} tensors, such as {names[0]}; "
                "config.json and weights do not belong together"
            )
    unused = sorted(map(str, info.get("unexpected_keys") or ()))
    if not unused:
        return LoadedModel(model.eval(), ())
    event = f"{len(unused)} tensors of the weights are not used, such as {unused[0]}"
    return LoadedModel(model.eval(), (event,))
