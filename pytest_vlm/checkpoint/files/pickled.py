"""A ``.pt`` file's pickle, looked at without running it and without torch.

It names a storage by a persistent id, the tuple ``("storage", torch.FloatStorage, KEY, location,
number of values)``, and a tensor by a call of ``torch._utils._rebuild_tensor_v2``. Here it is read
by an unpickler that knows stand-ins of these only: what it builds are descriptions of tensors.
Anything else that the pickle names is refused before it is called.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections import Counter, OrderedDict
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from pytest_vlm.checkpoint.files.archive import NEXT, TorchArchive, read_archive
from pytest_vlm.errors import CheckpointError

MOST_STEPS = 500_000
MOST_AXES = 64
STORAGES = {
    "DoubleStorage": ("F64", 8),
    "FloatStorage": ("F32", 4),
    "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2),
    "LongStorage": ("I64", 8),
    "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2),
    "CharStorage": ("I8", 1),
    "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
    "ComplexFloatStorage": ("C64", 8),
    "ComplexDoubleStorage": ("C128", 16),
}
# What torch.save writes; others allocate what the file merely claims (BYTEARRAY8), or call without
# naming (INST, EXT1).
STEPS = frozenset(
    {
        "PROTO", "MARK", "STOP", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1",
        "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "EMPTY_LIST", "APPEND", "APPENDS",
        "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT", "SETITEM",
        "SETITEMS", "BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT", "GLOBAL", "REDUCE",
        "BUILD", "BINPERSID",
    }
)  # fmt: skip
OF_A_TRAINING = frozenset(
    {
        "argparse.Namespace",
        "pathlib.PosixPath",
        "_codecs.encode",
        "numpy.dtype",
        "numpy.ndarray",
        *(f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")),
        *(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")),
    }
)


# Named tuples: a pickle can change the attributes of whatever else it gets hold of (BUILD).
class Storage(NamedTuple):
    """Bytes of the archive that tensors look into."""

    key: str
    dtype: str
    values: int


class PickledTensor(NamedTuple):
    """A view of a storage; extents and strides count values."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def check_pickled(path: Path) -> Counter[str]:
    """Refuse an archive that holds anything but plainly stored tensors and plain values.

    Returns:
        Stored values by dtype, as safetensors spells it; tensors that share a storage count once.

    Raises:
        CheckpointError: it is no such archive, is packed or incomplete, names something to be
            called, or has tensors that do not lie in their storage.
    """
    _, reader = _read(path)
    values: Counter[str] = Counter()
    for storage in reader.storages.values():
        values[storage.dtype] += storage.values
    return values


def describe_pickled(path: Path) -> object:
    """What an archive holds, with a `PickledTensor` in place of each tensor; none is read.

    Raises:
        CheckpointError: as `check_pickled`.
    """
    content, _ = _read(path)
    return content


def _read(path: Path) -> tuple[object, _Describing]:
    archive = read_archive(path)
    _check_steps(path, archive.pickle)
    reader = _Describing(archive)
    try:
        content = reader.load()
    except Exception as error:  # an unpickler raises whatever damaged bytes lead to
        raise CheckpointError(
            f"{path} has a damaged pickle ({str(error)[:200] or type(error).__name__}); copy it "
            f"again, or {NEXT}"
        ) from None
    for tensor in reader.tensors:
        _check_view(path, tensor)
    return content, reader


def _check_steps(path: Path, content: bytes) -> None:
    """Only what torch.save writes, in bounded number, before anything is built."""
    names, others = set[str](), list[str]()
    try:
        for step, (opcode, value, _) in enumerate(pickletools.genops(content)):
            if step > MOST_STEPS:
                raise CheckpointError(f"{path} has a pickle of over {MOST_STEPS:,} steps; {NEXT}")
            if opcode.name == "LONG_BINPUT" and int(value or 0) > MOST_STEPS:
                raise CheckpointError(
                    f"{path} has a pickle that asks for {value:,} places of memory; {NEXT}"
                )
            if opcode.name == "PROTO" and value != 2:
                others.append(f"protocol {value}")
            elif opcode.name not in STEPS:
                others.append(opcode.name)
            if opcode.name == "GLOBAL":
                names.add(str(value).replace(" ", "."))
    except CheckpointError:
        raise
    except Exception as error:  # genops raises whatever its readers meet in damaged bytes
        raise CheckpointError(
            f"{path} has a damaged pickle ({type(error).__name__}); copy it again"
        ) from None
    refused = sorted(n for n in names if _stand_in(*n.rpartition(".")[::2], []) is None)
    if refused:
        raise CheckpointError(_more_than_tensors(path, refused))
    if others:
        raise CheckpointError(
            f"{path} has a pickle with {others[0]}, which torch.save does not write; {NEXT}"
        )


def _more_than_tensors(path: Path, names: list[str]) -> str:
    shown = ", ".join(name[:80] for name in names[:5])
    training = all(n in OF_A_TRAINING or n.startswith("transformers.") for n in names)
    what = (
        "a training checkpoint, whose numbers and arguments are objects"
        if training
        else "loading it could run them, so do not load it by other means either"
    )
    return f"{path} holds more than tensors, its pickle names {shown}: {what}; {NEXT}"


class _Rebuild(NamedTuple):
    """Stands for ``torch._utils._rebuild_tensor_v2``."""

    kept: list[PickledTensor]

    def __call__(
        self, storage: Storage, offset: int, shape: Any, stride: Any, *_: Any
    ) -> PickledTensor:
        if not isinstance(storage, Storage):
            raise pickle.UnpicklingError("a tensor without a storage")
        self.kept.append(PickledTensor(storage, offset, tuple(shape), tuple(stride)))
        return self.kept[-1]


class _Same(NamedTuple):
    """Stands for ``torch._utils._rebuild_parameter``."""

    def __call__(self, data: PickledTensor, *_: Any) -> PickledTensor:
        return data


def _stand_in(module: str, name: str, kept: list[PickledTensor]) -> Any:
    if module == "torch" and name in STORAGES:
        return name
    return {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch", "Size"): tuple,
        ("torch._utils", "_rebuild_tensor_v2"): _Rebuild(kept),
        ("torch._utils", "_rebuild_parameter"): _Same(),
    }.get((module, name))


class _Describing(pickle.Unpickler):
    """Builds descriptions; a persistent id becomes the `Storage` that the archive holds."""

    def __init__(self, archive: TorchArchive) -> None:
        super().__init__(io.BytesIO(archive.pickle))
        self._sizes = archive.storages
        self.storages: dict[str, Storage] = {}
        self.tensors: list[PickledTensor] = []

    def find_class(self, module: str, name: str) -> Any:
        known = _stand_in(module, name, self.tensors)
        if known is None:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return known

    def persistent_load(self, pid: Any) -> Storage:
        match pid:
            case ("storage", str(kind), str(key), str(), int(values)) if kind in STORAGES:
                dtype, width = STORAGES[kind]
                held = self._sizes.get(key, -1)
                if held != values * width:
                    raise pickle.UnpicklingError(
                        f"storage {key[:20]} has {'no' if held < 0 else held} bytes, the pickle "
                        f"says {values * width}"
                    )
                self.storages[key] = Storage(key, dtype, values)
                return self.storages[key]
        raise pickle.UnpicklingError("a persistent id that is no storage")


def _check_view(path: Path, tensor: PickledTensor) -> None:
    """A tensor's values lie in its storage, each one once."""
    numbers = (tensor.offset, *tensor.shape, *tensor.stride)
    fits = len(tensor.shape) == len(tensor.stride) <= MOST_AXES
    if not fits or not all(type(n) is int and 0 <= n < 2**63 for n in numbers):
        raise CheckpointError(
            f"{path} has a tensor of shape {list(tensor.shape)[:8]} with strides "
            f"{list(tensor.stride)[:8]} from {str(tensor.offset)[:30]}, which are no sizes; {NEXT}"
        )
    values, held = prod(tensor.shape), tensor.storage.values
    if values > held:
        raise CheckpointError(
            f"{path} has a tensor of {values:,} values over a storage of {held:,}: it repeats "
            f"them (expand()), and would take their room; save tensor.contiguous(), or {NEXT}"
        )
    last = tensor.offset + sum(
        (extent - 1) * step for extent, step in zip(tensor.shape, tensor.stride, strict=True)
    )
    if values and last >= held:
        raise CheckpointError(
            f"{path} has a tensor that ends at value {last:,} of a storage of {held:,}: a damaged "
            f"copy; copy it again, or {NEXT}"
        )
