"""What the weights of a checkpoint are, from the headers of their files; no weight is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from pytest_vlm.checkpoint.files.pickled import check_pickled
from pytest_vlm.checkpoint.files.reading import read_json
from pytest_vlm.checkpoint.files.safetensors_header import read_header
from pytest_vlm.checkpoint.files.weights import INDEX, LARGEST_INDEX, WEIGHTS
from pytest_vlm.checkpoint.patches.patch import ADAPTER_WEIGHTS
from pytest_vlm.errors import CheckpointError

SHARD = re.compile(r".+-\d{5}-of-(\d{5})\.safetensors")
PICKLES = (".bin", ".pt", ".pth")
NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What headers say.

    Attributes:
        bytes: of the files.
        parameters: number of stored values.
        dtypes: as safetensors spells them, the most frequent first.
        metadata: what the files say of themselves.
    """

    bytes: int = 0
    parameters: int = 0
    dtypes: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


def read_weights(files: Iterable[Path]) -> Weights:
    """The headers of all files of one checkpoint, added up.

    Raises:
        CheckpointError: one is damaged, or no such file.
    """
    size, values, metadata = 0, Counter[str](), dict[str, str]()
    for file in files:
        size += _size(file)
        if file.suffix in PICKLES:
            values.update(check_pickled(file))
            continue
        header = read_header(file)
        metadata |= header.metadata
        for name, shape in header.shapes.items():
            values[header.dtypes[name]] += prod(shape)
    dtypes = sorted(values, key=lambda dtype: (-values[dtype], dtype))
    return Weights(bytes=size, parameters=values.total(), dtypes=tuple(dtypes), metadata=metadata)


def weight_files(folder: Path, names: Collection[str]) -> list[Path]:
    """The files of a folder's weights, all of them there.

    Args:
        folder: the checkpoint's.
        names: of everything in it.

    Raises:
        CheckpointError: some are missing, pickled, cut up by a training framework, or there are
            none.
    """
    if ADAPTER_WEIGHTS in names:
        return [folder / ADAPTER_WEIGHTS]
    if INDEX in names:
        if WEIGHTS in names:
            raise CheckpointError(f"both {WEIGHTS} and {INDEX} are here, of two saves")
        return [folder / name for name in _indexed(folder / INDEX, names)]
    if WEIGHTS in names:
        return [folder / WEIGHTS]
    raise CheckpointError(_without_weights(names))


def _indexed(index: Path, names: Collection[str]) -> list[str]:
    shards = read_json(index, largest=LARGEST_INDEX).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise CheckpointError(f"{index} names no weights")
    files = sorted({str(name) for name in shards.values()})
    for name in files:
        if "/" in name or "\\" in name or not name.endswith(".safetensors"):
            raise CheckpointError(f"{index} names {name!r}, not a safetensors file beside it")
    missing = [name for name in files if name not in names]
    if missing:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise CheckpointError(
            f"incomplete: {len(missing)} of {len(files)} files of weights are missing: "
            f"{', '.join(missing[:NAMED])}{more}"
        )
    return files


def _without_weights(names: Collection[str]) -> str:
    files = sorted(n for n in names if n.endswith(".safetensors") and not n.startswith("."))
    shards = max((int(found[1]) for name in files if (found := SHARD.fullmatch(name))), default=0)
    if shards > len(files):
        return f"incomplete: {len(files)} of {shards} files of weights are here, and no {INDEX}"
    if files:
        return f"{', '.join(files[:NAMED])}, but no {WEIGHTS} and no {INDEX}"
    if any(name.startswith("global_step") for name in names):
        return "only DeepSpeed's partitions are here; merge them: python zero_to_fp32.py . ."
    if any(name.startswith("pytorch_model_fsdp") for name in names):
        return "only FSDP's partitions are here; merge them: accelerate merge-weights"
    pickles = sorted(
        name for name in names if name.endswith(PICKLES) and name.startswith(("pytorch_", "model"))
    )
    if pickles:
        return (
            f"only pickled weights ({pickles[0]}), which can run code when loaded; "
            "save them as safetensors: model.save_pretrained(folder)"
        )
    return "no weights (*.safetensors); was the saving interrupted?"


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        target = f"a link to {file.readlink()}, which is not there" if file.is_symlink() else "gone"
        raise CheckpointError(f"{file} is {target}") from None
    except OSError as error:
        raise CheckpointError(f"{file} cannot be read: {error.strerror}") from error
