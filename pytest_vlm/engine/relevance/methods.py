"""The methods by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pytest_vlm.engine.relevance.attention import attention, rollout
from pytest_vlm.engine.relevance.grad_attention import grad_attention
from pytest_vlm.engine.relevance.method import Method
from pytest_vlm.engine.relevance.own import own
from pytest_vlm.engine.relevance.pixels import occlusion, pixel_gradient
from pytest_vlm.errors import SettingsError

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "attention": attention,
        "rollout": rollout,
        "grad_attention": grad_attention,
        "pixel_gradient": pixel_gradient,
        "occlusion": occlusion,
        "own": own,
    }
)


def find_method(name: str) -> Method:
    """The method of this name.

    Raises:
        SettingsError: there is none. What is misspelt says nothing about a checkpoint, and must not
            skip a test as a checkpoint without maps does.
    """
    if name not in METHODS:
        raise SettingsError(
            f"there is no method {name!r} of making maps (--vlm-relevance, or method=); known are "
            f"{', '.join(METHODS)}"
        )
    return METHODS[name]
