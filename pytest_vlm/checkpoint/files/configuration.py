"""config.json and its kin: read, and looked through for what would have code run or fetched.

transformers runs a checkpoint's own classes (``auto_map``) and kernels of a hub repository
(``attn_implementation``), and takes another file in place of the one that was looked at
(``configuration_files``, ``transformers_weights``).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_vlm.checkpoint.files.reading import read_json
from pytest_vlm.errors import CheckpointError

CONFIG = "config.json"
WITH_CODE = (
    CONFIG,
    "generation_config.json",
    "tokenizer_config.json",
    "processor_config.json",
    "preprocessor_config.json",
    "image_processor_config.json",
    "video_preprocessor_config.json",
)
OTHER_FILES = ("configuration_files", "fast_tokenizer_files", "transformers_weights")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
DTYPE = re.compile(r"(?:torch\.)?(?:b?float\d+\w*|float|half|double|auto)")
PACKING = "quantization_config"
LARGEST_INTEGER = 2**63 - 1


def read_config(folder: Path) -> dict[str, Any]:
    """config.json, with plain values only.

    Raises:
        CheckpointError: no JSON object; numbers or texts that nothing can use; strange names.
    """
    path = folder / CONFIG
    config = read_json(path)
    _check_numbers(path, config)
    _check_text(path, config)
    _check_names(path, config)
    _check_dtypes(path, config)
    return config


def architecture(config: Mapping[str, Any]) -> str:
    """As config.json names it."""
    names = config.get("architectures") or [config.get("model_type", "unknown")]
    return str(names[0])


def own_code(folder: Path, *, trusted: bool) -> str:
    """What to say of code that a checkpoint brings along; empty where it brings none.

    Args:
        folder: of the checkpoint.
        trusted: whether the user said that the code may run.

    Raises:
        CheckpointError: it cannot be used without its code; or names kernels or files elsewhere.
    """
    named = ""
    for name in WITH_CODE:
        if not (folder / name).exists():
            continue
        content = read_json(folder / name)
        _check_text(folder / name, content)
        for key, value in _walk(content):
            if key in OTHER_FILES:
                raise CheckpointError(
                    f"{folder / name} has {key}, which has other files read in place of the usual "
                    "ones; remove it"
                )
            if key.endswith(("attn_implementation", "experts_implementation")) and "/" in str(
                value
            ):
                raise CheckpointError(
                    f"{folder / name} has {key} = {str(value)[:100]!r}: code from the hub that "
                    "would be run; remove it, and choose with ?attention=sdpa"
                )
            if key == "auto_map" and not named:
                named = f"{name} (auto_map: {', '.join(sorted(_modules(value)))[:200]})"
    if not named or trusted:
        return ""
    if not _is_built_in(folder):
        raise CheckpointError(
            f"{folder} needs code of its own: {named}, and its type is none of transformers'. "
            "Nothing of it was run. Read that code; if you trust it, add ?trust_remote_code=yes "
            "to this checkpoint"
        )
    return f"its own code, {named}, is not run; transformers' class of that type is used"


def _is_built_in(folder: Path) -> bool:
    """Whether transformers has the type, told from its folders: importing it takes 250 MB."""
    kind = read_json(folder / CONFIG).get("model_type")
    found = importlib.util.find_spec("transformers")
    if not isinstance(kind, str) or not IDENTIFIER.fullmatch(kind) or found is None:
        return False
    models = Path(found.origin or "").parent / "models"
    return (models / kind.replace("-", "_").lower()).is_dir()


def _modules(auto_map: Any) -> Iterator[str]:
    values = auto_map.values() if isinstance(auto_map, dict) else [auto_map]
    for value in values:
        yield from (str(v) for v in (value if isinstance(value, list) else [value]) if v)


def _check_names(path: Path, config: Mapping[str, Any]) -> None:
    names = config.get("architectures")
    if names is not None and not (isinstance(names, list) and names):
        raise CheckpointError(
            f"{path} has architectures = {str(names)[:100]!r}, not a list of names"
        )
    for name in (*(names or ()), config.get("model_type", "unknown")):
        if not isinstance(name, str) or not IDENTIFIER.fullmatch(name):
            raise CheckpointError(
                f"{path} names the architecture {str(name)[:100]!r}, which is no name; copy the "
                "config.json that was saved with these weights"
            )


def _check_dtypes(path: Path, config: Mapping[str, Any]) -> None:
    """Of the model and of its parts; transformers looks any such name up in torch."""
    parts = {f"{k}.": v for k, v in config.items() if k.endswith("_config") and k != PACKING}
    for name, part in {"": config, **parts}.items():
        for key in ("dtype", "torch_dtype") if isinstance(part, dict) else ():
            said = part.get(key)
            if isinstance(said, str) and not DTYPE.fullmatch(said):
                raise CheckpointError(
                    f"{path} has {name}{key} = {said[:100]!r}, which is no dtype of weights; copy "
                    "the config.json that was saved with these weights"
                )


def _check_numbers(path: Path, config: Mapping[str, Any]) -> None:
    """Not of the tokenizer's files: stock ones say a length of 10**30 where there is no limit."""
    for key, value in _walk(config):
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            raise CheckpointError(
                f"{path} has {key[:100]!r} with a number of {value.bit_length()} bits, more than "
                "63; copy the file that was saved with these weights"
            )


def _check_text(path: Path, content: Mapping[str, Any]) -> None:
    for key, value in _walk(content):
        if any(not _is_text(text) for text in (key, value) if isinstance(text, str)):
            raise CheckpointError(
                f"{path} has at {key[:100]!r} half a character (a lone surrogate), which cannot be "
                "written; copy the file that was saved with these weights"
            )


def _is_text(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _walk(content: Any) -> Iterator[tuple[str, Any]]:
    """Every value below, with the key nearest to it; without recursion."""
    left: list[tuple[str, Any]] = [("", content)]
    while left:
        key, value = left.pop()
        yield key, value
        if isinstance(value, dict):
            left.extend((str(name), below) for name, below in value.items())
        elif isinstance(value, list):
            left.extend((key, below) for below in value)
