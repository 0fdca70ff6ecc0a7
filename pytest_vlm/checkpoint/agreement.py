"""Whether config.json describes the weights beside it, told from shapes alone.

A configuration decides what is allocated: one of another model costs a long load and an error at
its end, one that was edited costs 240 TB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_vlm.checkpoint.files.safetensors_header import BITS
from pytest_vlm.errors import CheckpointError

TEXT_CONFIGS = ("text_config", "llm_config", "language_config")
DEPTHS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer", "depth")
# Embeddings of another width than the model's are stored beside one of these.
OTHER_WIDTHS = frozenset({"embedding_size", "word_embed_proj_dim"})
# Names that text models share. Others say nothing: a Q-Former's own words are another vocabulary.
TEXT_MODEL = r"(?:model\.)?(?:(?:language_model|text_model|llm)\.)?(?:model\.)?"
EMBEDDING = re.compile(TEXT_MODEL + r"embed_tokens\.weight")
LAYER = re.compile(TEXT_MODEL + r"layers\.(\d{1,9})\.")
SMALL_FLOATS = frozenset(name for name, bits in BITS.items() if name[0] == "F" and bits <= 8)
WHOLE_NUMBERS = frozenset(name for name in BITS if name[0] in "IU")

Shapes = Mapping[str, tuple[int, ...]]


def check_agreement(
    path: Path,
    config: Mapping[str, Any],
    shapes: Shapes,
    dtypes: Mapping[str, str],
    largest_id: int,
) -> None:
    """Refuse a configuration that belongs to other weights.

    Args:
        path: of the folder.
        config: config.json.
        shapes: of the weights.
        dtypes: of the same, as safetensors spells them.
        largest_id: of the tokenizer's vocabulary; -1 where unknown.

    Raises:
        CheckpointError: layers, vocabulary or width differ, or the tokenizer's ids have no row.
    """
    _check_depths(path, config, len(shapes))
    text = next((config[k] for k in TEXT_CONFIGS if isinstance(config.get(k), dict)), config)
    _check_layers(path, text, shapes)
    if "quantization_config" in config:
        return
    _check_scaled(path, shapes, dtypes)
    _check_embedding(path, text, shapes, largest_id)


def _check_scaled(path: Path, shapes: Shapes, dtypes: Mapping[str, str]) -> None:
    """Whole numbers are buffers of stock models too, such as a mask or positions."""
    for name, dtype in dtypes.items():
        matrix = name.endswith(".weight") and len(shapes[name]) > 1
        if dtype in SMALL_FLOATS or (matrix and dtype in WHOLE_NUMBERS):
            raise CheckpointError(
                f"{path}: {name} is of {dtype}, but config.json has no quantization_config, so "
                "nothing says how it is scaled; save it as bfloat16, or copy the config.json that "
                "was saved with the weights"
            )


def _check_depths(path: Path, config: Mapping[str, Any], tensors: int) -> None:
    """A layer has a tensor at least; millions of empty ones would be built first."""
    for name, part in _parts(config):
        for key in DEPTHS:
            if isinstance(part.get(key), int) and part[key] > tensors:
                raise CheckpointError(
                    f"{path / 'config.json'} says {name}{key} = {part[key]:,}, but there are only "
                    f"{tensors:,} tensors in the weights: they do not belong together"
                )


def _check_layers(path: Path, text: Mapping[str, Any], shapes: Shapes) -> None:
    said = text.get("num_hidden_layers")
    numbers = [int(found[1]) for name in shapes if (found := LAYER.match(name))]
    if isinstance(said, int) and numbers and max(numbers) + 1 < said:
        raise CheckpointError(
            f"{path / 'config.json'} says num_hidden_layers = {said}, but the weights have "
            f"{max(numbers) + 1}: they do not belong together"
        )


def _check_embedding(path: Path, text: Mapping[str, Any], shapes: Shapes, largest_id: int) -> None:
    tables = [(n, s) for n, s in shapes.items() if EMBEDDING.fullmatch(n) and len(s) == 2]
    if len(tables) != 1 or OTHER_WIDTHS & set(text):
        return
    name, (rows, width) = tables[0]
    said = text.get("vocab_size"), text.get("hidden_size")
    if isinstance(said[0], int) and rows < said[0]:
        raise CheckpointError(
            f"{path / 'config.json'} says vocab_size = {said[0]:,}, but {name} has {rows:,} rows: "
            "they do not belong together"
        )
    if isinstance(said[1], int) and width != said[1]:
        raise CheckpointError(
            f"{path / 'config.json'} says hidden_size = {said[1]:,}, but {name} is {width:,} "
            "wide: they do not belong together"
        )
    if largest_id >= rows:
        raise CheckpointError(
            f"{path / 'tokenizer.json'} has ids up to {largest_id:,}, but {name} has rows up to "
            f"{rows - 1:,}: a text with such a token cannot be asked; copy the tokenizer that was "
            "trained with these weights"
        )


def _parts(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "", config
    for name, part in config.items():
        if isinstance(part, dict):
            yield f"{name}.", part
