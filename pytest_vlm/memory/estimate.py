"""What a checkpoint will need of a device, from its headers and its config.json alone.

The parameters are exact. The cache is exact for the shapes that are put in. The activations are a
bound by formula: `tests/unit/memory/test_estimate.py` holds all three against real models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from pytest_vlm.checkpoint.agreement import TEXT_CONFIGS
from pytest_vlm.checkpoint.files.safetensors_header import BITS
from pytest_vlm.evaluation.batch_plan import PIXELS_PER_TOKEN, Prompt
from pytest_vlm.settings import GenerationSettings, LoadSettings

UNITS = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("B", 1))
LARGEST = 2**31 - 1
FLOAT = re.compile(r"(?:torch\.)?b?float(\d+)(?:_\w+)?")
CHANNELS = 3
FP32 = 4
SLIDING = ("sliding_attention", "chunked_attention")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Bytes that a checkpoint takes on its device.

    Attributes:
        weights: of its parameters.
        cache: keys and values of a batch at the end of its answers; None where unknown.
        activations: what else is alive at most while a batch is answered; None where unknown.
    """

    weights: int
    cache: int | None = 0
    activations: int | None = 0

    @property
    def working(self) -> int:
        """Cache and activations; what is unknown does not count."""
        return (self.cache or 0) + (self.activations or 0)

    @property
    def total(self) -> int:
        """Everything that is known."""
        return self.weights + self.working

    def __str__(self) -> str:
        """``weights 14.2 + cache 1.1 + activations 0.8 GiB``."""
        unit, size = next((unit for unit in UNITS if self.total >= unit[1]), UNITS[-1])
        digits = 0 if size == 1 else 1
        parts = {"weights": self.weights, "cache": self.cache, "activations": self.activations}
        known = " + ".join(f"{k} {v / size:.{digits}f}" for k, v in parts.items() if v)
        unknown = [name for name, value in parts.items() if value is None]
        beside = f" ({' and '.join(unknown)} unknown)" if unknown else ""
        return f"{known or 'weights 0'} {unit}{beside}"


def estimate(
    *,
    stored: Mapping[str, int],
    config: Mapping[str, Any],
    load: LoadSettings,
    generation: GenerationSettings,
    prompt: Prompt | None,
) -> Estimate:
    """The weights, and the peak of a batch of the longest prompts.

    Args:
        stored: number of values by dtype as safetensors spells it (``F32``, ``BF16``).
        config: config.json. Whatever is wrong in it makes a part unknown and is no error here.
        load: the dtype that the weights are converted to, and the attention's implementation.
        generation: size and length of a batch.
        prompt: None where nothing is known of the questions; then only the weights are.
    """
    weights, width = _weights(stored, config, load.dtype)
    if prompt is None:
        return Estimate(weights=weights, cache=None, activations=None)
    text, vision = _text(config), _dict(config.get("vision_config"))
    pixels = [min(p, generation.max_pixels or p) for p in prompt.pixels]
    visual = [_visual_tokens(config, vision, size) for size in pixels]
    length = max(prompt.words, 1) + sum(visual)
    rows = _rows(prompt, generation)
    cache = _cache(text, rows, length, generation.max_new_tokens, width)
    shape = _Text.of(text)
    if shape is None:
        return Estimate(weights=weights, cache=cache, activations=None)
    fused = load.attention != "eager"
    answering = shape.answering(rows, length, generation, width, fused=fused)
    seeing = _vision(config, vision, rows, visual, width)
    known = None if seeing is None else max(answering, seeing)
    return Estimate(weights=weights, cache=cache, activations=known)


@dataclass(frozen=True)
class _Text:
    """A decoder's extents."""

    hidden: int
    intermediate: int
    heads: int
    head: int
    vocabulary: int

    @classmethod
    def of(cls, text: Mapping[str, Any]) -> _Text | None:
        hidden = _number(text, "hidden_size", "n_embd", "d_model")
        heads = _number(text, "num_attention_heads", "n_head")
        vocabulary = _number(text, "vocab_size")
        if hidden is None or heads is None or vocabulary is None:
            return None
        inner = _number(text, "intermediate_size", "n_inner", "ffn_dim") or 4 * hidden
        return cls(hidden, inner, heads, _head(text) or hidden // heads or 1, vocabulary)

    def answering(
        self, rows: int, length: int, generation: GenerationSettings, width: int, *, fused: bool
    ) -> int:
        """Of one layer over the prompts, or of the last token's logits.

        A layer: residual, normed input, and the larger of the MLP (gate, its activation, up and
        their product) and attention (queries, keys, values, the rotated ones, and keys and values
        repeated for every head); the causal mask, one byte a pair. Attention that is not fused
        writes its scores, and their softmax in float32. Logits: as computed, in float32, and what
        the processors make of them; draws need as much again.
        """
        tokens, attention = rows * length, self.heads * self.head
        layer = (3 * self.hidden + max(4 * self.intermediate, 7 * attention)) * tokens * width
        mask = rows * length * length
        scores = 0 if fused else self.heads * mask * (width + FP32)
        copies = 4 if generation.temperature else 2
        logits = rows * self.vocabulary * (width + copies * FP32)
        return max(layer + mask + scores, logits) + tokens * self.hidden * width


def _weights(stored: Mapping[str, int], config: Mapping[str, Any], dtype: str) -> tuple[int, int]:
    """Bytes of the weights as loaded, and of one value computed with."""
    asked = dtype if dtype != "auto" else config.get("dtype") or config.get("torch_dtype")
    found = FLOAT.fullmatch(asked) if isinstance(asked, str) else None
    bits = int(found[1]) if found else None
    packed = "quantization_config" in config
    total = 0
    for name, values in stored.items():
        kept = packed or bits is None or not _is_float(name)
        total += values * (BITS[name] if kept or bits is None else bits)
    floats = [name for name in stored if _is_float(name) and BITS[name] >= 16]
    usual = max(floats, key=lambda name: stored[name], default="F32")
    return ceil(total / 8), ceil((bits or BITS[usual]) / 8)


def _is_float(name: str) -> bool:
    return name.startswith(("F", "BF"))


def _rows(prompt: Prompt, generation: GenerationSettings) -> int:
    """Of a batch of such prompts, by the sizes that the batch plan goes by."""
    planned = prompt.words + ceil(sum(prompt.pixels) / PIXELS_PER_TOKEN)
    return max(1, min(generation.batch_size, generation.batch_tokens // max(planned, 1)))


def _cache(
    text: Mapping[str, Any], rows: int, length: int, new_tokens: int, width: int
) -> int | None:
    """Keys and values of all layers: rows x kv heads x (key + value) x tokens x bytes, each.

    The last new token is not put in. A sliding layer keeps its window, or a whole longer prompt
    until the first new token. Completions are drawn one after the other and do not add up. For
    latent attention (MLA), the expanded keys and values that transformers keeps.
    """
    layers = _number(text, "num_hidden_layers", "n_layer", "num_layers")
    heads = _number(text, "num_attention_heads", "n_head")
    if layers is None or heads is None:
        return None
    pair = _latent(text) if "kv_lora_rank" in text else 2 * (_head(text) or 0)
    groups = heads if "kv_lora_rank" in text else _groups(text, heads)
    if not pair or not groups:
        return None
    full = length + max(new_tokens, 1) - 1
    slid = _sliding(text, layers)
    window = _number(text, "sliding_window", "attention_chunk_size") if slid else None
    short = full if window is None else max(length, min(full, window))
    return rows * groups * pair * width * ((layers - slid) * full + slid * short)


def _groups(text: Mapping[str, Any], heads: int) -> int | None:
    """Heads of keys and values."""
    said = [name for name in ("num_key_value_heads", "num_kv_heads") if text.get(name) is not None]
    return _number(text, *said) if said else heads


def _sliding(text: Mapping[str, Any], layers: int) -> int:
    """How many layers look at a window only."""
    kinds = text.get("layer_types")
    if isinstance(kinds, list):
        return min(sum(kind in SLIDING for kind in kinds if isinstance(kind, str)), layers)
    used = text.get("use_sliding_window", True) is not False
    return layers if used and text.get("sliding_window") is not None else 0


def _head(text: Mapping[str, Any]) -> int | None:
    """Width of one head."""
    if text.get("head_dim") is not None:
        return _number(text, "head_dim")
    hidden = _number(text, "hidden_size", "n_embd", "d_model")
    heads = _number(text, "num_attention_heads", "n_head")
    return hidden // heads if hidden and heads else None


def _latent(text: Mapping[str, Any]) -> int | None:
    parts = [_number(text, n) for n in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")]
    return None if None in parts else sum(part or 0 for part in parts)


def _visual_tokens(config: Mapping[str, Any], vision: Mapping[str, Any], pixels: int) -> int:
    """Of one picture: by its area where the model takes it as it is, else so many for each tile."""
    patch, merge = _number(vision, "patch_size"), _number(vision, "spatial_merge_size")
    if patch and merge:
        return ceil(pixels / (patch * merge) ** 2)
    edge = _number(vision, "image_size")
    fixed = _number(config, "image_seq_length", "mm_tokens_per_image", "num_image_tokens")
    if fixed is None and edge and patch:
        fixed = max(1, (edge // patch) ** 2)
    return fixed * _tiles(config, edge) if fixed else ceil(pixels / PIXELS_PER_TOKEN)


def _tiles(config: Mapping[str, Any], edge: int | None) -> int:
    """At most; with the small picture of the whole that goes along."""
    most = _number(config, "max_dynamic_patch", "max_patches")
    grids = config.get("image_grid_pinpoints")
    if most is None and isinstance(grids, list) and edge:
        areas = [_area(grid) for grid in grids]
        most = max(areas, default=0) // edge**2
    return 1 + most if most else 1


def _area(grid: Any) -> int:
    sides = [side for side in grid if _is_count(side)] if isinstance(grid, list) else []
    return sides[0] * sides[1] if len(sides) == 2 else 0


def _vision(
    config: Mapping[str, Any],
    vision: Mapping[str, Any],
    rows: int,
    visual: Sequence[int],
    width: int,
) -> int | None:
    """Of the vision tower over all pictures of a batch; None where its extents are not said.

    Pixels; one layer (residual, normed input, queries, keys, values and output, the MLP twice); and
    every layer's output where the model takes an inner one (``vision_feature_layer``).
    """
    if not visual:
        return 0
    hidden = _number(vision, "hidden_size", "embed_dim")
    patch = _number(vision, "patch_size")
    if hidden is None or patch is None:
        return None
    merge, edge = _number(vision, "spatial_merge_size"), _number(vision, "image_size")
    one = (edge // patch) ** 2 + 1 if edge and not merge else 0
    tiles = _tiles(config, edge)
    patches = rows * sum(max(one * tiles, tokens * (merge or 1) ** 2) for tokens in visual)
    inner = _number(vision, "intermediate_size", "mlp_dim") or 4 * hidden
    depth = _number(vision, "num_hidden_layers", "depth") or 1
    kept = depth + 1 if "vision_feature_layer" in config else 1
    times = _number(vision, "temporal_patch_size") or 1
    pixels = patches * patch * patch * CHANNELS * times * (FP32 + width)
    return pixels + patches * width * ((6 + kept) * hidden + 2 * inner)


def _text(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((config[k] for k in TEXT_CONFIGS if isinstance(config.get(k), dict)), config)


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(config: Mapping[str, Any], *names: str) -> int | None:
    """The first of the names that is there, where it is a number that a model can have."""
    value = next((config[name] for name in names if config.get(name) is not None), None)
    return value if _is_count(value) else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST
