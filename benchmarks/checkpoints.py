"""What finding checkpoints and taking their fingerprint cost.

    python benchmarks/checkpoints.py [--gigabytes 2] [--folder /tmp]

Finding: 100 checkpoints of a Trainer run, each with the headers of a 7B model (729 tensors in five
files; the weights are holes, which take no room) and a log that grows from save to save.
Hashing: files that are in memory already, beside copying memory and beside the standard library.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from pytest_vlm.checkpoint.discovery import discover
from pytest_vlm.checkpoint.fingerprint import CHUNK, file_digest

CHECKPOINTS, SHARDS, TENSORS, LOGGED = 100, 5, 729, 50
FIND_SECONDS, HASH_GIGABYTES_A_SECOND = 1.0, 5.0
ROUNDS = 5


def best(work: Callable[[], object]) -> float:
    """Wall seconds of the fastest round: what others do on the machine only adds."""
    spent = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return min(spent)


def write_shard(path: Path, names: list[str]) -> None:
    """A safetensors file with a true header and a hole for the weights."""
    shape, header, end = (4096, 3584), {}, 0
    for name in names:
        start, end = end, end + 2 * shape[0] * shape[1]
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    content = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(len(content).to_bytes(8, "little") + content)
        stream.truncate(8 + len(content) + end)


def write_run(run: Path) -> None:
    """`CHECKPOINTS` checkpoints of one training."""
    names = [f"model.layers.{n // 12}.self_attn.proj_{n % 12}.weight" for n in range(TENSORS)]
    files = [f"model-{n + 1:05}-of-{SHARDS:05}.safetensors" for n in range(SHARDS)]
    log: list[dict[str, float]] = []
    for number in tqdm(range(1, CHECKPOINTS + 1), desc="writing checkpoints"):
        step = 500 * number
        folder = run / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        for k, file in enumerate(files):
            write_shard(folder / file, names[k::SHARDS])
        index = {"weight_map": {name: files[k % SHARDS] for k, name in enumerate(names)}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        (folder / "config.json").write_text(json.dumps({"model_type": "qwen2_5_vl"}))
        steps = range(step - 490, step + 1, 500 // LOGGED)
        log += [{"loss": 1.5, "grad_norm": 0.7, "learning_rate": 1e-5, "step": s} for s in steps]
        log.append({"eval_loss": 1 + 1 / number, "eval_runtime": 60.0, "step": step})
        state = {"global_step": step, "epoch": number / 50, "log_history": log}
        (folder / "trainer_state.json").write_text(json.dumps(state, indent=2))


def main() -> int:
    """Print the figures; 1 where one is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, default=2.0, help="hashed; default 2")
    parser.add_argument("--folder", help="where to write; default the temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        reached = find(Path(name)) & hash_file(Path(name), int(options.gigabytes * 1e9))
    return 0 if reached else 1


def find(folder: Path) -> bool:
    """Time finding, without and with the start of Python."""
    write_run(folder / "run")
    assert len([one for one in discover(folder) if not one.problem]) == CHECKPOINTS
    inside = best(lambda: discover(folder))
    command = [sys.executable, "-m", "pytest_vlm", "checkpoints", str(folder)]
    whole = best(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    print(f"discover(): {CHECKPOINTS} checkpoints in {inside:.2f} s (limit {FIND_SECONDS:g})")
    print(f"the whole command: {whole:.2f} s (limit {FIND_SECONDS:g})")
    return max(inside, whole) <= FIND_SECONDS


def hash_file(folder: Path, size: int) -> bool:
    """Compare hashing with copying memory, reading, and the standard library's digests."""
    path, block = folder / "weights", bytes(range(256)) * 2**16
    with path.open("wb") as stream:
        for _ in range(-(-size // len(block))):
            stream.write(block)
    size = path.stat().st_size
    source, target = bytearray(2**28), bytearray(2**28)

    def copy() -> None:
        for _ in range(size // len(source)):
            memoryview(target)[:] = source

    def read() -> None:
        buffer = bytearray(CHUNK)
        with path.open("rb", buffering=0) as stream:
            while stream.readinto(buffer):
                pass

    def library(digest: str) -> None:
        with path.open("rb") as stream:
            hashlib.file_digest(stream, digest)

    copied = size // len(source) * len(source) / best(copy)
    hashed = size / best(lambda: file_digest(path))
    for what, speed in (
        ("copying memory", copied),
        ("reading the file", size / best(read)),
        ("hashlib.sha256", size / best(lambda: library("sha256"))),
        ("hashlib.blake2b", size / best(lambda: library("blake2b"))),
        ("file_digest (blake3)", hashed),
    ):
        print(f"{what}: {speed / 1e9:.1f} GB/s, {speed / copied:.2f} of copying memory")
    print(f"limit of file_digest: {HASH_GIGABYTES_A_SECOND:g} GB/s")
    return hashed >= HASH_GIGABYTES_A_SECOND * 1e9


if __name__ == "__main__":
    sys.exit(main())
