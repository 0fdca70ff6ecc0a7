"""Leased and dropped again and again, ten checkpoints leave nothing behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "app" / "digits" / "checkpoints" / "strong"
CHECKPOINTS = 10
ALLOWED = 20 * 2**20

CYCLES = """
import json, sys
from pathlib import Path

import torch
from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.local import LocalEngine
from pytest_vlm.memory.meters import ResidentMeter

folders, kind, cycles = sys.argv[1:-2], sys.argv[-2], int(sys.argv[-1])


class Weights:
    device = "cpu"

    def __init__(self):
        self.tensor = torch.rand(2**19)

    def storages(self):
        return {("cpu", self.tensor.data_ptr()): self.tensor.nbytes}

    def move(self, device):
        raise AssertionError(device)

    def written(self):
        return ()

    def close(self):
        del self.tensor


def load(spec):
    return LocalEngine(spec, Path(spec.source)) if kind == "real" else Weights()


def settled():
    meter.settle()
    return meter.current()


meter = ResidentMeter()
pool = EnginePool(load, 2, budget=lambda _: 8 * 2**20)
specs = [CheckpointSpec(name=str(n), source=folder) for n, folder in enumerate(folders)]


def cycle(times):
    for number in range(times):
        with pool.lease(specs[number % len(specs)]):
            pass


cycle(len(specs))  # libraries take what they keep for good
before, opened = settled(), pool.opened
cycle(cycles)
loaded = pool.opened - opened
after = settled()
pool.clear()
alive = [name for name, _ in pool.watched()]
print(json.dumps({"grown": after - before, "loaded": loaded, "alive": alive}))
"""


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Copies of a trained one, each with one tensor of its own."""
    folders = []
    for number in range(CHECKPOINTS):
        folder = tmp_path_factory.mktemp("checkpoints") / str(number)
        shutil.copytree(DIGITS, folder)
        weights = load_file(folder / "model.safetensors")
        name = sorted(weights)[number]
        save_file(
            {**weights, name: weights[name] * 1.01},
            folder / "model.safetensors",
            metadata={"format": "pt"},
        )
        folders.append(str(folder))
    return folders


@pytest.mark.parametrize(("kind", "cycles"), [("plain", 500), ("real", 60)])
def test_memory_ends_where_it_began(checkpoints, kind, cycles):
    command = [sys.executable, "-c", CYCLES, *checkpoints, kind, str(cycles)]
    process = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout.splitlines()[-1])
    assert found["loaded"] == cycles
    assert found["grown"] <= ALLOWED
    assert found["alive"] == []
