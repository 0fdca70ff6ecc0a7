"""adapter_config.json of PEFT: what of it would run code, change the base, or allocate too much.

Peft builds what the configuration claims before it looks at the weights: a rank of 10**9 is
allocated, a module that ``megatron_core`` names is imported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_vlm.checkpoint.files.reading import read_json
from pytest_vlm.errors import CheckpointError

MERGE = "model.merge_and_unload().save_pretrained(folder)"
PARTS = {  # of the tensors' names, after that of the module
    "LORA": r"lora_[AB]|lora_embedding_[AB]|lora_magnitude_vector",
    "ADALORA": r"lora_[ABE]|ranknum",
    "LOHA": r"hada_w[12]_[ab]|hada_t[12]",
    "LOKR": r"lokr_w[12](?:_[ab])?|lokr_t2",
}
# What imports a module that it names, or has the base built or changed otherwise.
REFUSED = (
    "megatron_config",
    "layer_replication",
    "target_parameters",
    "trainable_token_indices",
    "arrow_config",
)
PLAIN_STARTS = ("gaussian", "orthogonal", "eva")  # others begin with a change of the base
LONGEST_PATTERN = 2_000
REPEATED_GROUP = re.compile(r"(?<!\\)\)[*+{]")
IN_TRANSFORMERS = re.compile(r"transformers(\.\w+)*")


def read_adapter_config(path: Path) -> dict[str, Any]:
    """Read it, and refuse what nothing should load.

    Raises:
        CheckpointError: no sane JSON, a type that is not known, or one that would run code or
            change its base.
    """
    config = read_json(path)
    _check_config(path, config)
    return config


def _check_config(path: Path, config: Mapping[str, Any]) -> None:
    kind = config.get("peft_type")
    if not isinstance(kind, str) or kind not in PARTS:
        raise CheckpointError(
            f"{path} is of the type {str(kind)[:40]!r}; known are {', '.join(PARTS)}. Merge it "
            f"into its base: {MERGE}"
        )
    for key in REFUSED:
        if config.get(key):
            raise CheckpointError(
                f"{path} has {key} = {str(config[key])[:60]!r}, which imports a module or rebuilds "
                "the base; merge it into its base, where you trust it: "
                "model.merge_and_unload().save_pretrained(folder)"
            )
    _check_starts(path, config)
    if config.get("bias", "none") != "none":
        raise CheckpointError(
            f"{path} has bias = {str(config['bias'])[:40]!r}: it writes over the biases of its "
            "base; merge it: model.merge_and_unload().save_pretrained(folder)"
        )
    mapping = config.get("auto_mapping")
    library = mapping.get("parent_library") if isinstance(mapping, dict) else mapping
    if library is not None and not IN_TRANSFORMERS.fullmatch(str(library)):
        raise CheckpointError(
            f"{path} has an auto_mapping to the module {str(library)[:100]!r}, which would be "
            "imported. Nothing of it was run. Remove auto_mapping: the base is loaded without it"
        )
    for key in ("r", "lora_alpha", "alpha", "init_r", "target_r"):
        value = config.get(key)
        if value is not None and not (
            type(value) in (int, float) and math.isfinite(value) and 0 < value <= 2**31
        ):
            raise CheckpointError(
                f"{path} has {key} = {str(value)[:60]!r}, which is no such number"
            )
    for key, pattern in _patterns(config):
        if len(pattern) > LONGEST_PATTERN or REPEATED_GROUP.search(pattern):
            raise CheckpointError(
                f"{path} has in {key} the pattern {pattern[:60]!r}, which may take for ever to be "
                "looked for; name the modules one by one"
            )


def _check_starts(path: Path, config: Mapping[str, Any]) -> None:
    for key in ("init_lora_weights", "init_weights"):
        start = config.get(key)
        if not isinstance(start, bool | None) and start not in PLAIN_STARTS:
            raise CheckpointError(
                f"{path} has {key} = {str(start)[:40]!r}: its base was changed before the "
                "training. Save it again with path_initial_model_for_weight_conversion, or merge "
                "it into that base"
            )


def _patterns(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("target_modules", "exclude_modules", "layers_pattern"):
        given = config.get(key)
        for pattern in given if isinstance(given, list) else [given]:
            if isinstance(pattern, str):
                yield key, pattern
    for key in ("rank_pattern", "alpha_pattern"):
        given = config.get(key)
        yield from ((key, pattern) for pattern in (given if isinstance(given, dict) else ()))
