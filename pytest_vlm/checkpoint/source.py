"""From what ``--checkpoint`` names to a folder on this machine."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import CheckpointError

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
WANTED = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model")


def local_folder(spec: CheckpointSpec) -> Path:
    """The folder of a checkpoint; a hub id is downloaded into the Hugging Face cache.

    Raises:
        CheckpointError: neither a path nor a hub id that can be reached.
    """
    path = Path(spec.source).expanduser()
    if path.exists() or not HUB_ID.fullmatch(spec.source):
        return path
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(spec.source, revision=spec.revision, allow_patterns=list(WANTED))
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise CheckpointError(
            f"no such checkpoint: {spec.source} is neither a folder here nor a hub id that can be "
            f"reached ({type(error).__name__}); check the path, or download it first with: "
            f"hf download {spec.source}"
        ) from error
