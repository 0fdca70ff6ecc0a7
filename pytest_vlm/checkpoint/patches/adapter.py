"""An adapter of PEFT, looked at without peft and without torch.

Its configuration is held against the header of its weights, and both against the base.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pytest_vlm.checkpoint.files.pickled import check_pickled
from pytest_vlm.checkpoint.files.reading import confine
from pytest_vlm.checkpoint.files.safetensors_header import read_header
from pytest_vlm.checkpoint.files.weights import Stored, count, stored_tensors
from pytest_vlm.checkpoint.patches.adapter_config import PARTS, read_adapter_config
from pytest_vlm.checkpoint.patches.patch import ADAPTER, ADAPTER_WEIGHTS, SaidBase
from pytest_vlm.errors import CheckpointError

PICKLED_WEIGHTS = "adapter_model.bin"
PREFIX = "base_model.model."
TAIL = 3


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """What an adapter's files say.

    Attributes:
        path: of the folder.
        kind: as peft names it: ``LORA``, ``ADALORA``, ``LOHA`` or ``LOKR``.
        config: adapter_config.json.
        tensors: by the names in the file, without peft's prefix.
        modules: that get a layer of the adapter, to the parts of it; names are the model's.
        said: what it says of its base.
    """

    path: Path
    kind: str
    config: Mapping[str, Any]
    tensors: Mapping[str, Stored]
    modules: Mapping[str, Mapping[str, Stored]]
    said: SaidBase

    @classmethod
    def read(cls, path: Path) -> Self:
        """From its configuration and the header of its weights.

        Raises:
            CheckpointError: a type that is not known; weights that are pickled, damaged or not
                those of the configuration; or one that would run code or change its base.
        """
        for name in (ADAPTER, ADAPTER_WEIGHTS):
            if (path / name).exists() or (path / name).is_symlink():
                confine(path / name, path)
        config = read_adapter_config(path / ADAPTER)
        tensors = _tensors(path)
        modules = _modules(path, config, tensors)
        _check_ranks(path, config, modules)
        base, revision = (config.get(k) for k in ("base_model_name_or_path", "revision"))
        said = SaidBase(
            source=base if isinstance(base, str) else "",
            revision=revision if isinstance(revision, str) and revision else None,
        )
        kind = str(config["peft_type"])
        return cls(path=path, kind=kind, config=config, tensors=tensors, modules=modules, said=said)

    @property
    def what(self) -> str:
        """In words."""
        modules, tensors = count(len(self.modules), "module"), count(len(self.tensors), "tensor")
        return f"a {self.kind} adapter of {tensors} for {modules}"

    @property
    def added(self) -> Mapping[str, Stored]:
        """What a model has with it and without it has not."""
        return self.tensors

    def check(self, base: Mapping[str, Stored]) -> None:
        """Refuse another base than its own.

        The model's names and those in its files may begin differently, so that a module is known
        by the last parts of its name where the whole name is not there.

        Args:
            base: its tensors, by the names in its files.

        Raises:
            CheckpointError: modules that the base does not have, or of another size.
        """
        tails: dict[str, set[tuple[int, ...]]] = defaultdict(set)
        for name, tensor in base.items():
            if name.endswith(".weight"):
                tails[_tail(name.removesuffix(".weight"))].add(tensor.shape)
        strange, other = list[str](), list[str]()
        for name, parts in self.modules.items():
            exact = base.get(f"{name}.weight")
            shapes = {exact.shape} if exact else tails.get(_tail(name), set())
            if not shapes:
                strange.append(name)
            elif not any(_fits(parts, shape) for shape in shapes):
                other.append(name)
        for names, what in ((strange, "not in the base"), (other, "of another size in the base")):
            if names:
                verb = "is" if len(names) == 1 else "are"
                raise CheckpointError(
                    f"{self.path}: {len(names)} of its {count(len(self.modules), 'module')} {verb} "
                    f"{what}, such as {min(names)[:100]}; is it the right base? If it is, merge "
                    "the two: model.merge_and_unload().save_pretrained(folder)"
                )


def _tail(name: str) -> str:
    return ".".join(name.split(".")[-TAIL:])


def _fits(parts: Mapping[str, Stored], shape: tuple[int, ...]) -> bool:
    """Whether a pair of low rank has the outer extents of the weight that it is put over."""
    for inner, outer in (("lora_A", "lora_B"), ("lora_embedding_A", "lora_embedding_B")):
        if inner in parts and len(shape) == 2:
            return sorted((parts[inner].shape[1], parts[outer].shape[0])) == sorted(shape)
    return True


def _tensors(path: Path) -> Mapping[str, Stored]:
    if not (path / ADAPTER_WEIGHTS).exists():
        if (path / PICKLED_WEIGHTS).exists():
            confine(path / PICKLED_WEIGHTS, path)
            check_pickled(path / PICKLED_WEIGHTS)
            raise CheckpointError(
                f"{path} has only pickled weights ({PICKLED_WEIGHTS}), which can run code when "
                "loaded; save them as safetensors: model.save_pretrained(folder)"
            )
        raise CheckpointError(f"{path} is incomplete: it has no {ADAPTER_WEIGHTS}; copy it again")
    found = stored_tensors([read_header(path / ADAPTER_WEIGHTS)])
    if not found:
        raise CheckpointError(
            f"{path / ADAPTER_WEIGHTS} holds no tensor, so it would change nothing of its base; "
            "save it again after the training"
        )
    strange = sorted(name for name in found if not name.startswith(PREFIX))
    if strange:
        raise CheckpointError(
            f"{path / ADAPTER_WEIGHTS}: {len(strange)} of its {count(len(found), 'tensor')} are no "
            f"adapter's, such as {strange[0][:100]}: they do not begin with {PREFIX}"
        )
    return {name.removeprefix(PREFIX): tensor for name, tensor in found.items()}


def _modules(
    path: Path, config: Mapping[str, Any], tensors: Mapping[str, Stored]
) -> Mapping[str, Mapping[str, Stored]]:
    """Each module with its parts; what else is there must be a module that is saved as a whole."""
    part = re.compile(rf"(.+)\.({PARTS[str(config['peft_type'])]})(?:\.weight)?")
    whole = config.get("modules_to_save")
    saved = {str(name) for name in whole} if isinstance(whole, list) else set()
    modules: dict[str, dict[str, Stored]] = defaultdict(dict)
    strange = []
    for name, tensor in tensors.items():
        if found := part.fullmatch(name):
            modules[found[1]][found[2]] = tensor
        elif saved.isdisjoint(name.split(".")):
            strange.append(name)
    if strange or not modules:
        which = f"such as {min(strange)[:100]}" if strange else "of none of its modules"
        raise CheckpointError(
            f"{path / ADAPTER_WEIGHTS}: {len(strange)} of its {count(len(tensors), 'tensor')} are "
            f"not {config['peft_type']}'s and not in modules_to_save, {which}; merge it into its "
            "base: model.merge_and_unload().save_pretrained(folder)"
        )
    _check_targets(path, config, modules)
    return modules


def _check_targets(path: Path, config: Mapping[str, Any], modules: Mapping[str, object]) -> None:
    targets = config.get("target_modules")
    if not isinstance(targets, list):
        return
    ends = tuple(str(target) for target in targets)
    lost = [name for name in modules if not _is_target(name, ends)]
    if lost:
        raise CheckpointError(
            f"{path / ADAPTER}: {len(lost)} of the {count(len(modules), 'module')} that have "
            f"weights are not in its target_modules, such as {min(lost)[:100]}: the two files are "
            "of two adapters; copy it again"
        )


def _is_target(name: str, targets: tuple[str, ...]) -> bool:
    return any(name == target or name.endswith(f".{target}") for target in targets)


def _check_ranks(
    path: Path, config: Mapping[str, Any], modules: Mapping[str, Mapping[str, Stored]]
) -> None:
    """Peft allocates the rank that the configuration claims, before it sees the weights."""
    several, plain = config.get("rank_pattern"), config["peft_type"] == "LORA"
    said = [config.get("r"), *(several.values() if plain and isinstance(several, dict) else ())]
    largest = 0
    for name, parts in modules.items():
        for inner, outer in (("lora_A", "lora_B"), ("lora_embedding_A", "lora_embedding_B")):
            if (inner in parts) != (outer in parts):
                raise CheckpointError(
                    f"{path / ADAPTER_WEIGHTS} has of {name[:100]} {inner} or {outer}, but not "
                    "both: an incomplete copy; copy it again"
                )
            if inner not in parts:
                continue
            one, other = parts[inner].shape, parts[outer].shape
            if len(one) < 2 or len(other) < 2 or one[0] != other[1]:
                raise CheckpointError(
                    f"{path / ADAPTER_WEIGHTS} has of {name[:100]} {inner} {list(one)[:8]} and "
                    f"{outer} {list(other)[:8]}, which do not fit together; copy it again"
                )
            if plain and one[0] not in said:
                raise CheckpointError(
                    f"{path / ADAPTER} says r = {str(config.get('r'))[:40]}, but {name[:100]} has "
                    f"a rank of {one[0]}: the two files are of two adapters; copy it again"
                )
        largest = max(largest, *(extent for part in parts.values() for extent in (*part.shape, 0)))
    if config["peft_type"] == "LOKR":  # where a large rank means: the whole matrix
        return
    too_much = [r for r in said if r is not None and not (type(r) is int and 0 < r <= largest)]
    if too_much:
        raise CheckpointError(
            f"{path / ADAPTER} says r = {str(too_much[0])[:40]}, but no tensor of its weights is "
            f"larger than {largest:,}: so much would be allocated; copy it again"
        )
