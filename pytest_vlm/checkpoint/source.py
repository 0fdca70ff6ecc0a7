"""From what ``--checkpoint`` names to a folder on this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pytest_vlm.checkpoint.patches.patch import DELTAS
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import CheckpointError

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
MODELS = "models:/"
WANTED = (
    *("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.spm"),
    "additional_chat_templates/*.jinja",
)


@dataclass(frozen=True, kw_only=True)
class Located:
    """Where a checkpoint lies on this machine.

    Attributes:
        path: of its folder, or of a delta's file.
        remarks: what a reviewer should know of the way there.
    """

    path: Path
    remarks: tuple[str, ...] = ()


def locate(spec: CheckpointSpec, downloads: Path | None) -> Located:
    """Find a checkpoint; one of a hub or a registry is downloaded.

    Args:
        spec: as the command line names it.
        downloads: where models of a registry are kept; None for a temporary folder.

    Raises:
        CheckpointError: it is not there, or cannot be reached.
    """
    if not spec.source.startswith(MODELS):
        return Located(path=local_folder(spec))
    from pytest_vlm.checkpoint.model_registry import download

    path, remark = download(spec.source, downloads)
    return Located(path=path, remarks=(remark,))


def local_folder(spec: CheckpointSpec) -> Path:
    """A checkpoint on this machine; a hub id is downloaded into the Hugging Face cache.

    Raises:
        CheckpointError: neither a path nor a hub id that can be reached.
    """
    path = Path(spec.source).expanduser()
    if path.exists() or path.suffix in DELTAS or not HUB_ID.fullmatch(spec.source):
        return path
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    wanted = [*WANTED, *(("*.py",) if spec.trust_remote_code else ())]
    try:
        return Path(snapshot_download(spec.source, revision=spec.revision, allow_patterns=wanted))
    except HfHubHTTPError as error:
        raise CheckpointError(hub_refusal(spec, error.response.status_code)) from None
    except (LocalEntryNotFoundError, OSError, ValueError) as error:
        raise CheckpointError(
            f"no such checkpoint: {spec.source} is neither a folder here nor a hub id that can be "
            f"reached ({type(error).__name__}); check the path, or download it first with: "
            f"hf download {spec.source}"
        ) from None


def hub_refusal(spec: CheckpointSpec, status: int) -> str:
    """What to do when the hub answers with an error.

    Args:
        spec: of the checkpoint.
        status: of HTTP.
    """
    page = f"https://huggingface.co/{spec.source}"
    if status in (401, 403):
        return (
            f"{spec.source} cannot be downloaded: the hub answers {status}. It does not exist, is "
            f"private, or has a licence to accept at {page}. Accept it there, then log in with: "
            "hf auth login"
        )
    if status == 404:
        revision = f" or no revision {spec.revision!r}" if spec.revision else ""
        return (
            f"no such checkpoint: the hub has no {spec.source}{revision}, and there is no such "
            f"folder here; look at {page}"
        )
    return (
        f"{spec.source} cannot be downloaded: the hub answers {status}; try again, or download it "
        f"first with: hf download {spec.source}"
    )
