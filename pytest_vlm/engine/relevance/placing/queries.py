"""Models whose image tokens are learned queries: each has seen the whole picture."""

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
    told = [name for name in QUERIES if getattr(config, name, None) is not None]
    return f"its image tokens are learned queries ({told[0]}), not patches" if told else ""
