"""How long a prompt may be."""

from __future__ import annotations

from typing import Any

import torch

NO_LIMIT = 10**9  # tokenizers without one say 1e30
NOT_EXTENDED = ("default", "mrope")


def context_length(config: Any, tokenizer: Any) -> int | None:
    """The most tokens that a checkpoint says it can read; None where that is not known.

    The tokenizer and the model's positions may differ (LLaVA's tokenizer was once told 2,048 of
    4,096 positions), so the larger one counts. Positions that are stretched (YaRN, dynamic, ...)
    have no limit that is written down the same way everywhere, and none is enforced.

    Args:
        config: the model's.
        tokenizer: the checkpoint's.
    """
    text = config.get_text_config(decoder=True)
    if any(kind not in NOT_EXTENDED for kind in _rope_types(text)):
        return None
    declared = (tokenizer.model_max_length, getattr(text, "max_position_embeddings", None))
    return max((int(n) for n in declared if n is not None and 0 < n < NO_LIMIT), default=None)


def check_context(attention_mask: torch.Tensor, limit: int | None) -> None:
    """Refuse a batch with a prompt that is too long.

    Args:
        attention_mask: (batch, length), 1 where a token is.
        limit: in tokens.

    Raises:
        ValueError: with both numbers.
    """
    if limit is None or attention_mask.shape[1] <= limit:
        return
    longest = int(attention_mask.sum(1).max())
    if longest > limit:
        raise ValueError(
            f"its prompt has {longest:,} tokens, pictures included, and the checkpoint reads at "
            f"most {limit:,}; ask less, or allow fewer pixels (--vlm-max-pixels) or frames "
            "(--vlm-video-frames)"
        )


def _rope_types(config: Any) -> list[str]:
    """Of rotary positions; some models have one for each kind of layer."""
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    each = [part for part in rope.values() if isinstance(part, dict)] or [rope]
    return [str(part.get("rope_type") or part.get("type") or "default") for part in each]
