"""The app under test: started as a process of its own or reached, and asked as a user would.

An app is any Gradio app with an endpoint ``/compare`` that takes an image, a query and a list of
checkpoint names, and returns a list of objects with the keys ``checkpoint`` and ``answer``.
"""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from pytest_vlm.checkpoint.spec import parse_checkpoints
from pytest_vlm.errors import AppError
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.settings import Settings

START_SECONDS = 180.0
ANSWER_SECONDS = 300.0
STOP_SECONDS = 10.0
PR_SET_PDEATHSIG = 1


class AppServer:
    """A running app; `close` ends it and removes its files.

    Attributes:
        url: where it listens.
    """

    def __init__(
        self, url: str, process: subprocess.Popen[str] | None, folder: Path | None
    ) -> None:
        self.url = url
        self._process = process
        self._folder = folder

    def close(self) -> None:
        """End the process and everything it started; harmless when called again."""
        if self._process is not None:
            _end(self._process)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


class AppClient:
    """Asks the app with one checkpoint, through its public endpoint.

    Args:
        url: of the app.
        checkpoint: which of the app's checkpoints answers.
    """

    def __init__(self, url: str, checkpoint: str) -> None:
        self.url = url
        self.checkpoint = checkpoint

    def compare(self, sample: Sample, checkpoints: Sequence[str]) -> list[dict[str, Any]]:
        """What ``/compare`` returns for a sample with one image.

        Raises:
            AppError: the app cannot be reached, or answered with an error.
        """
        from gradio_client import Client, handle_file

        if len(sample.frames) != 1:
            raise AppError(f"{sample.id}: the app takes one image, not {len(sample.frames)}")
        with tempfile.TemporaryDirectory(prefix="vlm-client-") as folder:
            image = sample.frames[0].source
            if isinstance(image, bytes):
                image = Path(folder, "image.png")
                sample.frames[0].open().save(image)
            try:
                client = Client(self.url, verbose=False, download_files=folder)
                job = client.submit(
                    handle_file(image), sample.query, list(checkpoints), api_name="/compare"
                )
                return cast(list[dict[str, Any]], job.result(timeout=ANSWER_SECONDS))
            except Exception as error:  # gradio_client raises whatever the server or httpx did
                raise AppError(
                    f"the app at {self.url} did not answer {sample.id}: {error}"
                ) from error

    def answer(self, sample: Sample) -> str:
        """The app's answer with this client's checkpoint.

        Raises:
            AppError: as `compare`, or the answer is not in what came back.
        """
        for row in self.compare(sample, [self.checkpoint]):
            if row.get("checkpoint") == self.checkpoint and "answer" in row:
                return str(row["answer"])
        raise AppError(f"/compare at {self.url} returned no answer of {self.checkpoint}")


def run_app(settings: Settings) -> AppServer:
    """Reach the app at ``app_url``, or start the command ``app`` and wait for its ready line.

    The command gets ``--checkpoint`` as this run does, and prints one JSON line with ``url``.

    Raises:
        AppError: no app is configured, or it ended or stayed silent instead of starting.
    """
    if settings.app_url is not None:
        return AppServer(settings.app_url, None, None)
    if settings.app is None:
        raise AppError("no app is configured; add --vlm-app 'python -m app' or --vlm-app-url URL")
    folder = Path(tempfile.mkdtemp(prefix="vlm-app-"))
    process = _start(_command(settings), folder)
    try:
        url = _wait_until_ready(process, folder)
    except BaseException:
        AppServer("", process, folder).close()
        raise
    return AppServer(url, process, folder)


def _command(settings: Settings) -> list[str]:
    words = shlex.split(settings.app or "")
    if words and words[0] in ("python", "python3"):
        words[0] = sys.executable
    for spec in parse_checkpoints(settings.checkpoints, settings.load):
        words += ["--checkpoint", spec.argument()]
    generation = settings.generation
    words += ["--max-new-tokens", str(generation.max_new_tokens)]
    if generation.system_prompt:
        words += ["--system-prompt", generation.system_prompt]
    return words


def _start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "TMPDIR": str(folder),
        "PYTHONUNBUFFERED": "1",
    }
    try:
        with (folder / "stderr").open("w") as errors:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise AppError(f"cannot run {shlex.join(command)}: {error}") from error


def _wait_until_ready(process: subprocess.Popen[str], folder: Path) -> str:
    watchdog = threading.Timer(START_SECONDS, _end, [process])
    watchdog.daemon = True
    watchdog.start()
    try:
        for line in cast(Any, process.stdout):
            with suppress(ValueError, TypeError, KeyError):
                url = str(json.loads(line)["url"])
                threading.Thread(target=_drain, args=(process,), daemon=True).start()
                return url
    finally:
        watchdog.cancel()
    said = (folder / "stderr").read_text(errors="replace").strip().splitlines()[-5:]
    raise AppError("the app did not start; it said last:\n" + "\n".join(said))


def _drain(process: subprocess.Popen[str]) -> None:
    for _ in cast(Any, process.stdout):
        pass


def _end_with_parent() -> None:
    """Runs in the child: a pytest that is killed must not leave an app behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the app to end, then kill what is left of its process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
