"""``models:/NAME@ALIAS``, resolved by a real registry in a folder, and by one that is down."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from pytest_vlm.checkpoint.inspection import inspect_checkpoint
from pytest_vlm.checkpoint.model_registry import download
from pytest_vlm.checkpoint.spec import parse_checkpoint
from pytest_vlm.errors import CheckpointError

pytestmark = pytest.mark.skipif(find_spec("mlflow") is None, reason="needs pytest-vlm[mlflow]")


@pytest.fixture
def registry(base, tmp_path, monkeypatch):
    """A client of a registry with two versions of one model; the second is called ``best``."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{tmp_path / 'store'}")
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    client.create_registered_model("digits")
    shutil.copytree(base, tmp_path / "logged" / "model")
    for source in (tmp_path / "nothing", tmp_path / "logged"):
        source.mkdir(exist_ok=True)
        client.create_model_version("digits", source=str(source))
    client.set_registered_model_alias("digits", "best", "2")
    return client


@pytest.mark.parametrize("which", ["/2", "@best", "/best"])
def test_a_version_and_an_alias_lead_to_the_folder(registry, tmp_path, which):
    found = inspect_checkpoint(parse_checkpoint(f"B=models:/digits{which}"))
    assert found.path == tmp_path / "logged" / "model"
    assert found.remarks == (f"models:/digits{which} is version 2 of digits",)


def test_a_registered_model_is_a_base_as_well(registry, base, save_delta):
    found = inspect_checkpoint(parse_checkpoint(f"B={save_delta()}?base=models:/digits@best"))
    assert found.path.name == "model"


def test_an_alias_that_moves_leads_elsewhere(registry):
    registry.set_registered_model_alias("digits", "best", "1")
    with pytest.raises(
        CheckpointError, match=r"must hold one folder .*; there are: none\. Log the"
    ):
        download("models:/digits@best")


def test_several_checkpoints_are_told(registry, tmp_path):
    shutil.copytree(tmp_path / "logged" / "model", tmp_path / "logged" / "other")
    with pytest.raises(CheckpointError, match="there are: model, other"):
        download("models:/digits/2")


def test_a_tokenizer_that_is_kept_apart_is_told(registry, tmp_path):
    (tmp_path / "logged" / "components").mkdir()
    (tmp_path / "logged" / "model" / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="keeps its tokenizer and its processor apart"):
        download("models:/digits/2")


@pytest.mark.parametrize("source", ["models:/digits/9", "models:/digits@worst", "models:/no/1"])
def test_what_the_registry_does_not_have(registry, source):
    with pytest.raises(
        CheckpointError, match=r"cannot be had from the registry .*store.*: .*not found"
    ):
        download(source)


@pytest.mark.parametrize(
    "source",
    ["models:/", "models:/a", "models:/../b", "models:/a/..", "models:/a/../b", "models:/a\n/1",
     "models://host/a/1", "models:/a@b@c", "models:/a/"],
)  # fmt: skip
def test_what_names_no_model(source):
    with pytest.raises(
        CheckpointError, match="names no registered model; write models:/NAME/VERSION"
    ):
        download(source)


def test_downloaded_files_are_kept_and_half_a_download_is_begun_again(base, tmp_path):
    from pytest_vlm.checkpoint.model_registry import _kept

    calls = []

    def fetch(to: str) -> str:
        calls.append(to)
        shutil.copytree(base, Path(to) / "model")
        if len(calls) == 1:
            raise OSError("cut off")
        return str(Path(to) / "model")

    with pytest.raises(OSError, match="cut off"):
        _kept(tmp_path / "kept", "a", fetch)
    for _ in range(2):
        assert (_kept(tmp_path / "kept", "a", fetch) / "config.json").exists()
    assert len(calls) == 2


LOOK = """
import json, sys
from pytest_vlm.checkpoint.model_registry import download
from pytest_vlm.errors import CheckpointError
try:
    download("models:/digits@best")
except CheckpointError as error:
    print(json.dumps([str(error), sorted(sys.modules)]))
"""


def look(**environ: str) -> tuple[str, set[str]]:
    process = subprocess.run(
        [sys.executable, "-c", LOOK],
        env={k: v for k, v in os.environ.items() if not k.startswith("MLFLOW")} | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,  # mlflow's own patience is four minutes
    )
    message, modules = json.loads(process.stdout)
    return message, set(modules)


def test_a_server_that_is_down_is_given_up_soon_and_its_password_is_not_told():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://me:sesame@127.0.0.1:{unused.getsockname()[1]}"
        message, modules = look(MLFLOW_TRACKING_URI=address, NO_PROXY="127.0.0.1")
    assert "models:/digits@best cannot be had from the registry http://***@127.0.0.1" in message
    assert "does the server answer" in message
    assert "sesame" not in message
    assert not modules & {"torch", "transformers"}


def test_without_mlflow_the_pip_line_is_named(tmp_path):
    (tmp_path / "mlflow.py").write_text("raise ImportError")
    message, _ = look(PYTHONPATH=str(tmp_path))
    assert message.endswith("which is not installed; pip install 'pytest-vlm[mlflow]'")


def test_the_environment_is_left_as_it_was(registry):
    before = dict(os.environ)
    download("models:/digits@best")
    assert dict(os.environ) == before
