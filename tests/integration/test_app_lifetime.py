"""An app does not outlive the run that started it, however that run ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that tells the child")

APP = """
import json, os, time
print(json.dumps({"url": "http://127.0.0.1:9"}), flush=True)
time.sleep(120)
"""

RUN = """
import time
from pytest_vlm.app_client import run_app
from pytest_vlm.settings import Settings

server = run_app(Settings(app="python app.py"))
print(server._process.pid, flush=True)
time.sleep(120)
"""


def running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_app_ends_when_the_run_is_killed(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    run = subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    app = int(run.stdout.readline())
    assert running(app)
    run.send_signal(signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 20
    while running(app) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(app)
