"""A delta: tensors in one file that replace those of a base by name.

A typo in a name, or another dtype, would be passed over by ``load_state_dict(strict=False)``, so
every tensor of a delta must be one of the base's, as its files store it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pytest_vlm.checkpoint.discovery.found import describe_delta
from pytest_vlm.checkpoint.discovery.training_record import read_description
from pytest_vlm.checkpoint.files.pickled import PickledTensor, describe_pickled
from pytest_vlm.checkpoint.files.safetensors_header import read_header
from pytest_vlm.checkpoint.files.weights import Stored, count, stored_tensors
from pytest_vlm.checkpoint.patches.patch import SaidBase
from pytest_vlm.errors import CheckpointError

BASE_FINGERPRINT = "base_fingerprint"


@dataclass(frozen=True, kw_only=True)
class Delta:
    """What a delta's file says.

    Attributes:
        path: of the file.
        tensors: by the names in the base's files.
        said: what it says of its base.
    """

    path: Path
    tensors: Mapping[str, Stored]
    said: SaidBase

    @classmethod
    def read(cls, path: Path) -> Self:
        """From its header, or from its pickle, of which nothing is run.

        Raises:
            CheckpointError: it is damaged, or holds anything but tensors by name, or none.
        """
        if path.suffix == ".safetensors":
            header = read_header(path)
            tensors, metadata = stored_tensors([header]), header.metadata
        else:
            tensors, metadata = _pickled_tensors(path), dict[str, str]()
        if not tensors:
            raise CheckpointError(
                f"{path} holds no tensor, so it would change nothing of its base; save it again "
                "with the tensors that were trained"
            )
        described = describe_delta(path, metadata)
        fingerprint = described.get(BASE_FINGERPRINT)
        said = SaidBase(
            source=read_description(described).base,
            fingerprint=fingerprint if isinstance(fingerprint, str) else "",
        )
        return cls(path=path, tensors=tensors, said=said)

    @property
    def what(self) -> str:
        """In words."""
        return f"a delta of {count(len(self.tensors), 'tensor')}"

    @property
    def added(self) -> Mapping[str, Stored]:
        """What a model has with it and without it has not: each tensor takes another's place."""
        return {}

    def check(self, base: Mapping[str, Stored]) -> None:
        """Refuse another base than its own.

        Args:
            base: its tensors, by the names in its files.

        Raises:
            CheckpointError: a tensor that the base does not have, or has otherwise.
        """
        strange = sorted(self.tensors.keys() - base.keys())
        if strange:
            raise CheckpointError(
                f"{self.path}: {self._some(strange)} not in the base, such as {strange[0][:100]}; "
                "is it the right base? Names are those in the base's files, such as "
                f"{min(base, default='none')[:100]}"
            )
        other = sorted(name for name, tensor in self.tensors.items() if tensor != base[name])
        if other:
            name = other[0]
            raise CheckpointError(
                f"{self.path}: {self._some(other)} of another dtype or shape than the base's, such "
                f"as {name[:100]}: {self.tensors[name]}, in the base {base[name]}; save the delta "
                "as its base is saved"
            )

    def _some(self, names: list[str]) -> str:
        verb = "is" if len(names) == 1 else "are"
        return f"{len(names)} of its {count(len(self.tensors), 'tensor')} {verb}"


def _pickled_tensors(path: Path) -> Mapping[str, Stored]:
    content = describe_pickled(path)
    if not isinstance(content, dict):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}, not tensors by name; save it as "
            "safetensors: safetensors.torch.save_file(tensors, path)"
        )
    others = [k for k, v in content.items() if not isinstance(v, PickledTensor)]
    if others or not all(isinstance(name, str) for name in content):
        shown = ", ".join(repr(name)[:40] for name in others[:3]) or "names that are no text"
        raise CheckpointError(
            f"{path} holds more than tensors by name: {shown}; save the tensors alone, as "
            "safetensors: safetensors.torch.save_file(tensors, path)"
        )
    return {name: Stored(tensor.storage.dtype, tensor.shape) for name, tensor in content.items()}
