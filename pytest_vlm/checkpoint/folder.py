"""A checkpoint folder, inspected without loading it and without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pytest_vlm.checkpoint.safetensors_header import read_header
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import CheckpointError, CheckpointMismatch

INDEX = "model.safetensors.index.json"
PROCESSOR_FILES = (
    "processor_config.json",
    "preprocessor_config.json",
    "image_processor_config.json",
)
IGNORED_KEYS = frozenset(
    {"_name_or_path", "transformers_version", "processor_class", "name_or_path"}
)

Signature = tuple[tuple[str, int, int, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class CheckpointFolder:
    """What the files say of a checkpoint.

    Attributes:
        path: the folder.
        architecture: as config.json names it.
        parameters: number of stored values.
        bytes: of the weights.
        dtypes: of the weights, as safetensors spells them.
        fingerprint: blake2b over every file's name and content, 32 hexadecimal digits.
        signature: name, size, inode and times of those files when they were read.
        chat_template: digest of the template; empty without one.
        tokenizer: digest of the tokenizer's vocabulary and rules; empty without one.
        processor: digest of the image processor's settings; empty without one.
    """

    path: Path
    architecture: str
    parameters: int
    bytes: int
    dtypes: tuple[str, ...]
    fingerprint: str
    signature: Signature
    chat_template: str
    tokenizer: str
    processor: str

    def check_unchanged(self) -> None:
        """Make sure that the files still are those of the fingerprint.

        Raises:
            CheckpointError: one was written, added or removed since.
        """
        if _signature(self.path) != self.signature:
            raise CheckpointError(
                f"{self.path} was changed while it was used; run again when it is complete"
            )


def file_digest(path: Path) -> str:
    """blake2b of a file's content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").hexdigest()


def inspect_folder(path: Path, digest: Callable[[Path], str] = file_digest) -> CheckpointFolder:
    """Read a Hugging Face folder's configuration and headers.

    Args:
        path: of the folder.
        digest: of a file, as `file_digest` computes it.

    Raises:
        CheckpointError: no such folder, no checkpoint in it, or an incomplete one.
    """
    if not path.exists():
        raise CheckpointError(f"no such checkpoint: {path} does not exist")
    if not path.is_dir():
        raise CheckpointError(f"{path} is a file; a checkpoint is a folder with a config.json")
    if (path / "adapter_config.json").exists():
        raise CheckpointError(
            f"{path} holds an adapter that is not merged; merge it into its base first: "
            "model.merge_and_unload().save_pretrained(folder)"
        )
    config = _read_json(path / "config.json", missing=_not_a_checkpoint(path))
    weights = _weight_files(path)
    headers = [read_header(file) for file in weights]
    dtypes = {dtype for header in headers for dtype in header.dtypes.values()}
    architectures = config.get("architectures") or [config.get("model_type", "unknown")]
    signature = _signature(path)
    folder = CheckpointFolder(
        path=path,
        architecture=str(architectures[0]),
        parameters=sum(header.parameters for header in headers),
        bytes=sum(header.bytes for header in headers),
        dtypes=tuple(sorted(dtypes)),
        fingerprint=_fingerprint(path, digest),
        signature=signature,
        chat_template=_digest(_chat_template(path)),
        tokenizer=_digest(_tokenizer(path)),
        processor=_digest(_processor(path)),
    )
    folder.check_unchanged()
    return folder


def check_comparable(
    baseline: CheckpointSpec, a: CheckpointFolder, candidate: CheckpointSpec, b: CheckpointFolder
) -> None:
    """Refuse a comparison whose sides would not see the same question.

    Raises:
        CheckpointMismatch: the chat template, the tokenizer or the image processor differs.
    """
    sides = f"{candidate.name} ({b.path}) and the baseline {baseline.name} ({a.path})"
    for what, one, other in (
        ("chat template", a.chat_template, b.chat_template),
        ("tokenizer", a.tokenizer, b.tokenizer),
        ("image processor", a.processor, b.processor),
    ):
        if one != other:
            raise CheckpointMismatch(
                f"the {what}s of {sides} differ, so they do not see the same question. "
                f"Copy the baseline's {what} files into the candidate's folder, or compare each "
                "with a baseline of its own kind"
            )


def _not_a_checkpoint(path: Path) -> str:
    nested = sorted(child.parent.name for child in path.glob("*/config.json"))
    hint = f"; did you mean {path / nested[-1]}?" if nested else ""
    return f"{path} is not a checkpoint: it has no config.json{hint}"


def _read_json(path: Path, missing: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(missing) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds no JSON object")
    return cast(dict[str, Any], content)


def _weight_files(path: Path) -> list[Path]:
    if (path / INDEX).exists():
        shards = _read_json(path / INDEX, missing="").get("weight_map")
        if not isinstance(shards, dict) or not shards:
            raise CheckpointError(f"{path / INDEX} names no weights")
        files = [path / str(name) for name in sorted(set(shards.values()))]
        for file in files:
            if file.parent != path or file.suffix != ".safetensors":
                raise CheckpointError(f"{path / INDEX} names {file.name!r}, not a file beside it")
        missing = [file.name for file in files if not file.exists()]
        if missing:
            raise CheckpointError(f"{path} is incomplete: {', '.join(missing)} is missing")
        return files
    files = sorted(path.glob("*.safetensors"))
    if files:
        return files
    pickles = sorted(
        file.name for pattern in ("*.bin", "*.pt", "*.pth") for file in path.glob(pattern)
    )
    if pickles:
        raise CheckpointError(
            f"{path} has only pickled weights ({pickles[0]}), which can run code when loaded; "
            "save them as safetensors: model.save_pretrained(folder)"
        )
    raise CheckpointError(f"{path} is not a checkpoint: it has no *.safetensors weights")


def _fingerprint(path: Path, digest: Callable[[Path], str]) -> str:
    whole = hashlib.blake2b(digest_size=16)
    for file in _content_files(path):
        whole.update(file.name.encode() + b"\0" + bytes.fromhex(digest(file)))
    return whole.hexdigest()


def _signature(path: Path) -> Signature:
    stats = ((file.name, file.stat()) for file in _content_files(path))
    return tuple((n, s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns) for n, s in stats)


def _content_files(path: Path) -> Iterator[Path]:
    patterns = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model")
    files = {file for pattern in patterns for file in path.glob(pattern) if file.is_file()}
    return iter(sorted(files))


def _digest(content: object) -> str:
    if not content:
        return ""
    text = content if isinstance(content, str) else json.dumps(content, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _chat_template(path: Path) -> object:
    if (path / "chat_template.jinja").exists():
        return (path / "chat_template.jinja").read_text(encoding="utf-8").strip()
    for name in ("chat_template.json", "processor_config.json", "tokenizer_config.json"):
        if (path / name).exists():
            template = _read_json(path / name, missing="").get("chat_template")
            if template:
                return template.strip() if isinstance(template, str) else template
    return ""


def _tokenizer(path: Path) -> object:
    if (path / "tokenizer.json").exists():
        content = _read_json(path / "tokenizer.json", missing="")
        return {
            key: content.get(key)
            for key in ("model", "normalizer", "pre_tokenizer", "post_processor", "added_tokens")
        }
    for name in ("vocab.json", "vocab.txt", "tokenizer.model"):
        if (path / name).exists():
            return hashlib.blake2b((path / name).read_bytes()).hexdigest()
    return ""


def _processor(path: Path) -> object:
    settings = {
        name: _read_json(path / name, missing="")
        for name in PROCESSOR_FILES
        if (path / name).exists()
    }
    return {
        name: {key: value for key, value in content.items() if key not in IGNORED_KEYS}
        for name, content in settings.items()
    }
