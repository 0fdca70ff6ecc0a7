"""What a graphics card cannot do by itself, said before a model is loaded onto it."""

from __future__ import annotations

from collections.abc import Iterator

AMPERE = (8, 0)


def not_native(capability: tuple[int, int], dtype: str, attention: str) -> Iterator[str]:
    """What the card lacks for this dtype and attention, and what to choose instead.

    Args:
        capability: CUDA compute capability, such as (7, 5) for a T4.
        dtype: by torch's name.
        attention: by transformers' name.
    """
    card = f"a card of compute capability {capability[0]}.{capability[1]}"
    if capability < AMPERE and dtype == "bfloat16":
        yield (
            f"{card} has no native bfloat16 (8.0 has), so it is emulated and slow; float32 is "
            "exact, float16 is fast and overflows beyond 65504: ?dtype=float32"
        )
    if capability < AMPERE and attention.startswith("flash_attention"):
        yield f"{card} cannot run {attention}, which needs 8.0; use ?attention=sdpa"
