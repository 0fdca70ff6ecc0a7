"""The device has a name before torch is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from pytest_vlm.checkpoint.device import device_name


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine with CUDA asks torch")
def test_a_cpu_is_named_without_torch():
    code = (
        "import sys; from pytest_vlm.checkpoint.device import device_name; "
        "print(device_name('cpu'), 'torch' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert printed.startswith("cpu ")
    assert printed.split()[-1] == "False"
    assert len(printed.split()) > 2


def test_auto_is_the_device_that_the_engine_takes():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert device_name("auto").split()[0] == expected
    assert device_name("cpu").split()[0] == "cpu"
