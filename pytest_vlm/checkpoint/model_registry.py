"""Checkpoints of an MLflow model registry: ``models:/NAME/VERSION`` and ``models:/NAME@ALIAS``.

Only files are taken. A model's flavour is never loaded: that would run what it was logged with.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pytest_vlm.checkpoint.files.configuration import CONFIG
from pytest_vlm.checkpoint.patches.patch import ADAPTER
from pytest_vlm.checkpoint.redaction import redact
from pytest_vlm.errors import CheckpointError

URI = re.compile(r"models:/([^/@:]+)[/@]([^/@:]+)")
INSTALL = "pip install 'pytest-vlm[mlflow]'"
# With its own values, a server that is down keeps it busy for minutes.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
DEEPEST = 3
COMPLETE = ".complete"


def download(source: str, downloads: Path | None = None) -> tuple[Path, str]:
    """Fetch the files of a registered model.

    Args:
        source: ``models:/NAME/VERSION``, ``models:/NAME/ALIAS`` or ``models:/NAME@ALIAS``.
        downloads: where they are kept; None for a temporary folder.

    Returns:
        The checkpoint's folder, and in words which version it is.

    Raises:
        CheckpointError: no such model, a server that does not answer, mlflow is not installed, or
            the files hold no checkpoint, or several.
    """
    found = URI.fullmatch(source)
    if found is None or not source.isprintable() or {".", ".."} & set(found.groups()):
        raise CheckpointError(
            f"{source[:200]!r} names no registered model; write models:/NAME/VERSION or "
            "models:/NAME@ALIAS"
        )
    name, which = found.groups()
    with _patient():
        try:
            from mlflow import get_registry_uri
            from mlflow.artifacts import download_artifacts
            from mlflow.exceptions import MlflowException
            from mlflow.tracking import MlflowClient
        except ImportError:
            raise CheckpointError(
                f"{source} is in a registry of MLflow, which is not installed; {INSTALL}"
            ) from None
        try:
            client = MlflowClient()
            version = _version(client, name, which)
            uri = client.get_model_version_download_uri(name, version)
            if urlsplit(uri).scheme in ("", "file"):
                files = Path(download_artifacts(artifact_uri=uri))
            else:
                key = f"{get_registry_uri()} {name} {version} {uri}"
                files = _kept(
                    downloads, key, lambda to: download_artifacts(artifact_uri=uri, dst_path=to)
                )
        except (MlflowException, OSError) as error:
            raise CheckpointError(
                f"{source} cannot be had from the registry {redact(get_registry_uri())}: "
                f"{_first_line(error)}. Is MLFLOW_TRACKING_URI right, does the server answer, and "
                "is there such a version or alias?"
            ) from None
    return _checkpoint_in(files, source), f"{source} is version {version} of {name}"


def _version(client: Any, name: str, which: str) -> str:
    if which.isdecimal():
        return str(client.get_model_version(name, which).version)
    return str(client.get_model_version_by_alias(name, which).version)


def _kept(downloads: Path | None, key: str, fetch: Callable[[str], str]) -> Path:
    """Downloaded once: a version's files never change. Half a download is begun again."""
    top = downloads or Path(tempfile.mkdtemp(prefix="pytest-vlm-"))
    place = top / hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
    done = place / COMPLETE
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        files = Path(fetch(str(place)))
        done.write_text(os.path.relpath(files, place), encoding="utf-8")
    return place / done.read_text(encoding="utf-8")


def _checkpoint_in(files: Path, source: str) -> Path:
    """The one folder of a checkpoint among a model's files."""
    folders = [files]
    for _ in range(DEEPEST):
        found = [one for one in folders if _is_checkpoint(one)]
        if found:
            break
        folders = [inner for one in folders for inner in sorted(one.glob("*/"))]
    else:
        found = [one for one in folders if _is_checkpoint(one)]
    if len(found) != 1:
        which = ", ".join(str(one.relative_to(files)) for one in found[:5]) or "none"
        raise CheckpointError(
            f"{source} must hold one folder with a config.json, or one adapter; there are: "
            f"{which}. Log the folder itself: mlflow.log_artifacts(folder, 'model')"
        )
    if (found[0].parent / "components").is_dir() and not (found[0] / "tokenizer.json").exists():
        raise CheckpointError(
            f"{source} keeps its tokenizer and its processor apart from its weights, as "
            "mlflow.transformers logs them; log the whole folder: "
            "mlflow.log_artifacts(folder, 'model')"
        )
    return found[0]


def _is_checkpoint(folder: Path) -> bool:
    return folder.is_dir() and any((folder / name).exists() for name in (CONFIG, ADAPTER))


def _first_line(error: Exception) -> str:
    return (redact(str(error)).splitlines() or [type(error).__name__])[0][:300]


@contextmanager
def _patient() -> Iterator[None]:
    """MLflow reads these at each call, and some when it is imported; what the user set stays."""
    added = [key for key in SETTINGS if key not in os.environ]
    os.environ.update({key: SETTINGS[key] for key in added})
    try:
        yield
    finally:
        for key in added:
            os.environ.pop(key, None)
