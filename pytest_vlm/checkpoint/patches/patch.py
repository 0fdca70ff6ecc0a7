"""What turns a base into another checkpoint: a few of its tensors, or an adapter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pytest_vlm.errors import CheckpointError

ADAPTER = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
DELTAS = (".safetensors", ".pt", ".pth", ".bin")
MODEL_FILES = ("model.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True, kw_only=True)
class SaidBase:
    """What a patch's own files say of its base; empty where they do not.

    Attributes:
        source: a folder, relative to the patch's own or to the working directory; or a hub id.
        revision: of a hub id.
        fingerprint: that the base had when the patch was made from it.
    """

    source: str = ""
    revision: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True, kw_only=True)
class Patch:
    """Weights that are put over those of a base.

    Attributes:
        kind: ``delta``, tensors that replace those of the same name; or ``adapter``, PEFT's.
        path: of the delta's file, or of the adapter's folder.
    """

    kind: Literal["delta", "adapter"]
    path: Path

    def __str__(self) -> str:
        return f"{'an adapter' if self.kind == 'adapter' else 'a delta'}"

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.path if self.kind == "adapter" else self.path.parent

    @property
    def files(self) -> tuple[Path, ...]:
        """What it is made of."""
        if self.kind == "delta":
            return (self.path,)
        return (self.path / ADAPTER, self.path / ADAPTER_WEIGHTS)


def patch_at(path: Path) -> Patch | None:
    """The patch that lies at a path; None where there is a folder without one, or nothing.

    Raises:
        CheckpointError: a folder that is a model and an adapter at once.
    """
    if path.suffix in DELTAS and path.exists() and not path.is_dir():
        return Patch(kind="delta", path=path)
    if not (path / ADAPTER).exists():
        return None
    both = next((name for name in MODEL_FILES if (path / name).exists()), None)
    if both is not None:
        raise CheckpointError(
            f"{path} holds both a model ({both}) and an adapter ({ADAPTER}): libraries differ in "
            "which they load; move the adapter's files into a folder of their own"
        )
    return Patch(kind="adapter", path=path)
