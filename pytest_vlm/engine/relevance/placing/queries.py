"""Models whose image tokens stand for no part of a picture.

Learned queries have each seen the whole picture; where a decoder sees it by cross-attention, one
token stands for all of it.
"""

from __future__ import annotations

from typing import Any

QUERIES = (
    "perceiver_config",
    "qformer_config",
    "latent_query_num",
    "projector_patch_to_query_dict",
)


def without_places(config: Any) -> str:
    """Why a model's image tokens stand for no part of a picture; empty where they do."""
    if getattr(getattr(config, "text_config", None), "cross_attention_layers", None):
        return "its decoder sees pictures by cross-attention, not by image tokens"
    told = [name for name in QUERIES if getattr(config, name, None) is not None]
    return f"its image tokens are learned queries ({told[0]}), not patches" if told else ""
