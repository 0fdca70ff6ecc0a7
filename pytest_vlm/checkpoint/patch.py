"""What turns a base into another checkpoint: a few of its tensors, or an adapter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Patch:
    """Weights that are put over those of a base.

    Attributes:
        kind: ``delta``, tensors that replace those of the same name; or ``adapter``, PEFT's.
        path: of the delta's file, or of the adapter's folder.
    """

    kind: Literal["delta", "adapter"]
    path: Path
