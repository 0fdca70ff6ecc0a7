"""The weights of a checkpoint folder: which files hold them, and what their headers say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from pytest_vlm.checkpoint.files.archive import SUFFIXES as PICKLES
from pytest_vlm.checkpoint.files.pickled import check_pickled
from pytest_vlm.checkpoint.files.reading import confine, read_json
from pytest_vlm.checkpoint.files.safetensors_header import BITS, SafetensorsHeader, read_header
from pytest_vlm.errors import CheckpointError

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
LARGEST_INDEX = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Stored:
    """How a tensor is stored.

    Attributes:
        dtype: as safetensors spells it.
        shape: its extents.
    """

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape[:8])}"

    @property
    def values(self) -> int:
        """How many."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """What they take."""
        return self.values * BITS[self.dtype] // 8


def count(number: int, what: str) -> str:
    """``1 tensor``, ``1,200 tensors``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def stored_tensors(headers: Iterable[SafetensorsHeader]) -> Mapping[str, Stored]:
    """Name to tensor, of all headers."""
    return {
        name: Stored(header.dtypes[name], shape)
        for header in headers
        for name, shape in header.shapes.items()
    }


def read_headers(path: Path) -> list[SafetensorsHeader]:
    """Of the files that transformers would load, which hold each tensor once.

    Args:
        path: of the folder.

    Raises:
        CheckpointError: weights are missing, damaged, pickled, or of two saves.
    """
    if not (path / INDEX).exists():
        return [read_header(_single_file(path))]
    if (path / WEIGHTS).exists():
        raise CheckpointError(
            f"{path} holds both {WEIGHTS} and {INDEX}, of two saves: libraries differ in which "
            "they load; remove the one that is out of date"
        )
    shards = _shards(path)
    headers = {name: read_header(path / name) for name in sorted(set(shards.values()))}
    owner: dict[str, str] = {}
    for name, header in headers.items():
        for key in header.shapes:
            if key in owner:
                raise CheckpointError(
                    f"{path / name} holds {key} once more, which is in {owner[key]} as well: "
                    "shards of two saves; copy the folder again"
                )
            owner[key] = name
    lost = sorted(key for key, name in shards.items() if owner.get(key) != name)
    if lost:
        raise CheckpointError(
            f"{path / shards[lost[0]]} does not hold {len(lost)} tensors that {INDEX} says are "
            f"there, such as {lost[0]}: shards of two saves; copy the folder again"
        )
    return list(headers.values())


def _shards(path: Path) -> dict[str, str]:
    """Tensor to file, as the index says."""
    shards = read_json(path / INDEX, largest=LARGEST_INDEX).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise CheckpointError(f"{path / INDEX} names no weights; copy it again")
    for name in shards.values():
        plain = isinstance(name, str) and name.isprintable() and Path(name).name == name
        if not plain or not name.endswith(".safetensors"):
            raise CheckpointError(
                f"{path / INDEX} names {str(name)[:100]!r}, not a file beside it that ends in "
                ".safetensors; save the model again: model.save_pretrained(folder)"
            )
    missing = sorted(name for name in set(shards.values()) if not (path / name).exists())
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise CheckpointError(
            f"{path} is incomplete: {', '.join(missing)} {verb} missing; copy it again"
        )
    return shards


def _single_file(path: Path) -> Path:
    if (path / WEIGHTS).exists():
        return path / WEIGHTS
    others = sorted(file.name for file in path.glob("*.safetensors"))
    if others:
        raise CheckpointError(
            f"{path} has {', '.join(others[:5])}, but neither {WEIGHTS} nor {INDEX}, so it is not "
            "said which are the weights; copy it again, or save it again: "
            "model.save_pretrained(folder)"
        )
    pickles = sorted(file for suffix in PICKLES for file in path.glob(f"*{suffix}"))
    if pickles:
        confine(pickles[0], path)
        check_pickled(pickles[0])
        raise CheckpointError(
            f"{path} has only pickled weights ({pickles[0].name}), which can run code when loaded; "
            "save them as safetensors: model.save_pretrained(folder)"
        )
    raise CheckpointError(f"{path} is not a checkpoint: it has no *.safetensors weights")
