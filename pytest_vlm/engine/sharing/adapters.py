"""PEFT adapters: layers that are put around those of a twin, whose weights stay shared."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from pytest_vlm.checkpoint.patches.adapter import Adapter
from pytest_vlm.checkpoint.patches.patch import ADAPTER_WEIGHTS
from pytest_vlm.errors import CheckpointError, EngineError

NAMED = 3


def put_adapter(model: Any, folder: Path) -> None:
    """Put an adapter's layers into a twin, unmerged and in evaluation mode.

    Raises:
        CheckpointError: an adapter that is incomplete, that does not fit the model, that changes
            the base's weights, or that would run code of its choice.
        EngineError: peft is not installed.
    """
    adapter = Adapter.read(folder)
    try:
        from peft import PeftConfig
        from safetensors.torch import load_file
    except ImportError as error:
        raise EngineError(
            f"{folder} is an adapter, which needs peft: pip install pytest-vlm[peft]"
        ) from error
    weights = load_file(folder / ADAPTER_WEIGHTS)
    try:
        config = PeftConfig.from_pretrained(str(folder))
        if isinstance(config.target_modules, str):  # a pattern, which may never end
            config.target_modules = sorted(adapter.modules)
        config.exclude_modules = None
        if hasattr(config, "init_lora_weights"):
            config.init_lora_weights = True  # plain; the file's values take their place
        with warnings.catch_warnings():  # peft and transformers tell each other of their futures
            warnings.simplefilter("ignore")
            info = model.load_adapter(adapter_state_dict=weights, peft_config=config)
    except (ValueError, TypeError, KeyError, RuntimeError, ImportError, AttributeError) as error:
        raise CheckpointError(
            f"{folder} does not fit its base: {error}; give the base that it was made for: "
            "?base=path/to/base"
        ) from error
    _check_complete(folder / ADAPTER_WEIGHTS, info)
    model.eval()


def _check_complete(file: Path, info: Any) -> None:
    """Every layer came from the file, and every tensor of the file went into one."""
    if info is None:
        raise EngineError(f"{file}: this transformers does not say what it loaded; update it")
    for names, what in (
        (info.missing_keys, "lacks {} tensors of the adapter, which would be random numbers"),
        (info.unexpected_keys, "has {} tensors that fit nothing in the base"),
        ([row[0] for row in info.mismatched_keys], "has {} tensors of another shape"),
    ):
        if names:
            raise CheckpointError(
                f"{file} {what.format(len(names))}, such as "
                f"{', '.join(sorted(map(str, names))[:NAMED])}; give the base that it was made "
                "for: ?base=path/to/base"
            )
