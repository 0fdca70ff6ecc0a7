"""Loading a model from a folder, without running its code and without random weights.

Its weights are copied out of the mapped files, or are those of a model that has equal ones already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, GenerationConfig
from transformers.quantizers.auto import AutoHfQuantizer
from transformers.utils import logging as transformers_logging

from pytest_vlm.checkpoint.device import OFFLOADED, accelerator
from pytest_vlm.checkpoint.files.configuration import PACKING, read_config
from pytest_vlm.checkpoint.files.safetensors_header import read_header
from pytest_vlm.checkpoint.native import not_native
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.finite import check_finite
from pytest_vlm.engine.generation.configuration import leave_out_other_searches
from pytest_vlm.engine.generation.prompting import Prompting
from pytest_vlm.engine.loaded import LoadedModel
from pytest_vlm.engine.sharing.interning import TensorTable
from pytest_vlm.errors import CheckpointError, EngineError
from pytest_vlm.settings import LoadSettings

MOST_DESCRIBED = 4  # times; less shows by name in what is missing


def choose_device(load: LoadSettings) -> str:
    """``auto`` takes CUDA where there is one, else the CPU; ``cuda:0+cpu`` is offloaded."""
    if load.device != "auto":
        return load.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def resting_device(load: LoadSettings) -> str:
    """Where the weights lie; what is offloaded is taken to its device layer by layer."""
    device = choose_device(load)
    return "cpu" if device.endswith(OFFLOADED) else device


@cache
def import_architecture(folder: Path) -> None:
    """Import what transformers imports late, so that it does not count as a checkpoint's memory.

    A skeleton without weights is built and dropped. What cannot be built is left to `load_model`,
    which says why.
    """
    with suppress(OSError, ValueError, KeyError, ImportError):
        _skeleton(folder, trust_remote_code=False)


def _skeleton(folder: Path, *, trust_remote_code: bool) -> Any:
    """The model without weights, as config.json describes it."""
    config = AutoConfig.from_pretrained(
        folder, trust_remote_code=trust_remote_code, local_files_only=True
    )
    with torch.device("meta"):
        return AutoModelForImageTextToText.from_config(config, trust_remote_code=trust_remote_code)


def load_model(
    spec: CheckpointSpec,
    folder: Path,
    table: TensorTable | None = None,
    weights: Mapping[str, torch.Tensor] | None = None,
) -> LoadedModel:
    """The model in evaluation mode, on its device; runs no code of the checkpoint's.

    Args:
        spec: how it is loaded, and its name for messages.
        folder: a Hugging Face folder.
        table: weights that it can share; by default it shares none.
        weights: by their names in the files, instead of the folder's own.

    Raises:
        CheckpointError: weights that do not fit the configuration: they would be random numbers;
            or that are not finite.
        EngineError: transformers cannot load it for another reason.
    """
    who = f"{spec.name} ({folder})"
    table = TensorTable() if table is None else table
    _check_device(who, spec.load)
    events = list(_said_before(spec, folder))
    _check_packing(who, folder)
    _check_size(spec, folder)
    transformers_logging.disable_progress_bar()
    try:
        model, info = _from_pretrained(spec, folder, weights)
    except (
        OSError, ValueError, KeyError, RuntimeError, ImportError, TypeError, AttributeError,
    ) as error:  # fmt: skip
        raise EngineError(f"{who} could not be loaded: {error}") from error
    _check_complete(who, model, info)
    stop = leave_out_other_searches(model)
    check_finite(who, table.settle(model, resting_device(spec.load)))
    unused = _names(info, "unexpected_keys")
    if unused:
        events.append(f"{len(unused)} tensors of the weights are not used, such as {unused[0]}")
    return LoadedModel(
        model=model.eval(),
        prompting=Prompting(folder, trust_remote_code=spec.trust_remote_code),
        table=table,
        stop=stop,
        events=tuple(events),
    )


def _from_pretrained(
    spec: CheckpointSpec, folder: Path, weights: Mapping[str, torch.Tensor] | None
) -> tuple[Any, Mapping[str, Any]]:
    """The model, and what transformers says of loading it."""
    options: dict[str, Any] = {
        "dtype": spec.load.dtype,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,  # so that they are named, and refused
    }
    if spec.load.attention != "auto":
        options["attn_implementation"] = spec.load.attention
    if weights is None:
        auto: Any = AutoModelForImageTextToText
        model, info = auto.from_pretrained(
            folder,
            trust_remote_code=spec.trust_remote_code,
            local_files_only=True,
            use_safetensors=True,
            weights_only=True,
            **options,
        )
    else:
        skeleton = _skeleton(folder, trust_remote_code=spec.trust_remote_code)
        model, info = type(skeleton).from_pretrained(
            None, config=skeleton.config, state_dict=dict(weights), **options
        )
        with suppress(OSError):  # a folder without one has that of its config.json
            model.generation_config = GenerationConfig.from_pretrained(
                folder, local_files_only=True
            )
    return model, info


def _check_device(who: str, load: LoadSettings) -> None:
    """Whether there is such a device, before anything is read."""
    device = accelerator(choose_device(load))
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ImportError) as error:  # torch's choice differs by device
        said = str(error).strip().partition("\n")[0]
        raise EngineError(
            f"{who}: there is no device {device} here: {said}; choose another, such as ?device=cpu"
        ) from error


def _said_before(spec: CheckpointSpec, folder: Path) -> Iterator[str]:
    """What the card cannot do, known before a weight is read."""
    attention = spec.load.attention
    if "/" in attention and not spec.trust_remote_code:
        raise CheckpointError(
            f"{spec.name}: attention={attention} is code from the hub, which would be run; choose "
            "?attention=sdpa, or, if you trust that code, add ?trust_remote_code=yes"
        )
    device = accelerator(choose_device(spec.load))
    if not device.startswith("cuda") or not torch.cuda.is_available():
        return
    dtype = spec.load.dtype
    if dtype == "auto":
        config = read_config(folder)
        dtype = str(config.get("dtype") or config.get("torch_dtype"))
    capability = torch.cuda.get_device_capability(device)
    yield from not_native(capability, dtype, attention)


def _check_packing(who: str, folder: Path) -> None:
    """Whether transformers can unpack the weights: what it does not know it skips with a warning.

    Packed weights would then be read as if they were plain ones.
    """
    packing = read_config(folder).get(PACKING)
    if packing is None:
        return
    try:
        known = AutoHfQuantizer.supports_quant_method(packing)
    except (ValueError, TypeError, AttributeError):
        known = False
    if not known:
        method = packing.get("quant_method") if isinstance(packing, dict) else packing
        raise CheckpointError(
            f"{who}: config.json says that the weights are packed by {method!r}, which the "
            "installed transformers does not know and would pass over; install one that does, or "
            "the library that adds it"
        )


def _check_size(spec: CheckpointSpec, folder: Path) -> None:
    """Whether the weights could fill what config.json describes, before that is allocated.

    What they do not fill is allocated and filled with random numbers, be it 240 TB.
    """
    config = read_config(folder)
    if PACKING in config:  # packed: several parameters in a stored value
        return
    stored = sum(read_header(file).parameters for file in folder.glob("*.safetensors"))
    try:
        model = _skeleton(folder, trust_remote_code=spec.trust_remote_code)
        described = sum(parameter.numel() for parameter in model.parameters())
    except (RuntimeError, OverflowError) as error:
        raise CheckpointError(
            f"{spec.name} ({folder}): config.json describes a model that cannot be built: {error}"
        ) from error
    except (OSError, ValueError, KeyError, ImportError, TypeError, AttributeError):
        return  # what is loaded next says it better
    if described > MOST_DESCRIBED * stored:
        raise CheckpointError(
            f"{spec.name} ({folder}): config.json describes {described:,} parameters, the weights "
            f"have {stored:,}: they do not belong together; copy the config.json that was saved "
            "with them"
        )


def _check_complete(who: str, model: Any, info: Mapping[str, Any]) -> None:
    """Every parameter came from the file, in its shape: anything else is a random number."""
    missing, unused = _names(info, "missing_keys"), _names(info, "unexpected_keys")
    if missing:
        every = len(model.state_dict())
        share = max(0, every - len(missing)) / every if every else 0.0
        renamed = (
            f"; {len(unused)} of the weights fit nothing, such as {unused[0]}" if unused else ""
        )
        raise CheckpointError(
            f"{who} has no weights for {len(missing)} tensors, such as {missing[0]} "
            f"({share:.0%} of {every} matched){renamed}: they would be "
            "random numbers; config.json and weights do not belong together"
        )
    mismatched = list(info.get("mismatched_keys") or ())
    if mismatched:
        rows = ", ".join(sorted(_mismatch(row) for row in mismatched)[:5])
        raise CheckpointError(
            f"{who} has weights of another shape for {len(mismatched)} tensors, such as {rows}; "
            "config.json and weights do not belong together"
        )


def _mismatch(row: Any) -> str:
    if isinstance(row, str) or len(row) != 3:
        return str(row if isinstance(row, str) else row[0])
    name, stored, wanted = row
    return f"{name}: {tuple(stored)} in the file, {tuple(wanted)} by config.json"


def _names(info: Mapping[str, Any], kind: str) -> list[str]:
    return sorted(map(str, info.get(kind) or ()))
