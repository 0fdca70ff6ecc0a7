"""What checkpoints of one base cost, side by side in memory.

    python benchmarks/memory.py [--size 700] [--quick] [--folder /tmp]

A base with random weights, of the app's architecture, and two checkpoints of it: B differs in the
merger (the projector), C in the merger and the last layer. Beside them B once more as a delta, and
a LoRA adapter. Printed are

memory     resident memory and unique storage of A, B and C together, beside loading each alone;
           the limit is 1.15 times base + what differs. Logits must be those of each alone, bit by
           bit.
loading    a second whole checkpoint beside the first; a delta and an adapter over a resident base.
switching  from one resident checkpoint to another: the first forward pass after taking the engine
           from the pool, less a pass on an engine that was just used. Limit 50 ms.
guard      an empty block under a memory guard, as every test with a limit has one. Limit 0.2 ms.

How long 100 checkpoints are searched, and how fast files are hashed, says
benchmarks/checkpoints.py.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.utils import logging as transformers_logging

from pytest_vlm.checkpoint.catalog import CheckpointCatalog
from pytest_vlm.checkpoint.pool.pool import EnginePool
from pytest_vlm.checkpoint.spec import CheckpointSpec, parse_checkpoint
from pytest_vlm.engine.local import LocalEngine
from pytest_vlm.engine.residents import LocalLoader
from pytest_vlm.memory.guard import MemoryGuard
from pytest_vlm.memory.meters import ResidentMeter

STRONG = Path(__file__).parents[1] / "app/digits/checkpoints/strong"
WEIGHTS = "model.safetensors"
MB = 1e6
SHARE_LIMIT, SWITCH_LIMIT_MS, GUARD_LIMIT_MS = 1.15, 50.0, 0.2
# Beside the weights: torch's own buffers, and memory that the C library does not give back.
UNRELATED_MB = 16
SWITCHES, TWINS, GUARDED = 30, 7, 300


@dataclass
class Spent:
    """Wall and CPU time of the same work, several times."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @contextmanager
    def round(self) -> Iterator[None]:
        """Time one of them."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)

    @property
    def ms(self) -> float:
        """Median wall time in milliseconds."""
        return 1e3 * statistics.median(self.wall)

    def __str__(self) -> str:
        return f"{self.ms:.1f} ms ({1e3 * statistics.median(self.cpu):.1f} ms of CPU)"


@dataclass(frozen=True)
class Checkpoints:
    """What is loaded, by what it is."""

    whole: tuple[str, str, str]
    delta: str
    adapter: str | None
    base_bytes: int
    delta_bytes: int


def main() -> int:
    """Print the figures; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=700, help="MB of the base; default 700")
    parser.add_argument("--quick", action="store_true", help="a base of 50 MB")
    parser.add_argument("--folder", help="where to write three of them; default the temporary one")
    options = parser.parse_args()
    transformers_logging.disable_progress_bar()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        checkpoints = write(Path(name), 50 if options.quick else options.size)
        reached = [share(checkpoints), load(checkpoints), switch(checkpoints), guard()]
    return 0 if all(reached) else 1


def write(folder: Path, size: int) -> Checkpoints:
    """A base of about `size` MB, and what differs from it."""
    width = 1024 if size > 200 else 512
    layers = max(2, round(size * MB / (4 * 12.25 * width**2)))
    config = AutoConfig.from_pretrained(STRONG)
    text = config.text_config
    text.hidden_size = config.vision_config.out_hidden_size = width
    text.intermediate_size = 11 * width // 4
    text.num_attention_heads = text.num_key_value_heads = width // text.head_dim
    text.num_hidden_layers = layers
    text.layer_types = ["full_attention"] * layers
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_config(config)
    base = Path(shutil.copytree(STRONG, folder / "A"))
    model.save_pretrained(base, max_shard_size="100GB")
    adapter = write_adapter(model, folder / "adapter") if find_spec("peft") else None
    del model
    weights = load_file(base / WEIGHTS)
    merger = {name: value + 0.01 for name, value in weights.items() if ".merger." in name}
    layer = {
        name: value + 0.01 for name, value in weights.items() if f".layers.{layers - 1}." in name
    }
    save_file(merger, folder / "delta.safetensors")
    for name, changed in (("B", merger), ("C", merger | layer)):
        shutil.copytree(base, folder / name, ignore=shutil.ignore_patterns(WEIGHTS))
        save_file(weights | changed, folder / name / WEIGHTS, metadata={"format": "pt"})
    return Checkpoints(
        whole=(f"A={base}", f"B={folder / 'B'}", f"C={folder / 'C'}"),
        delta=f"D={folder / 'delta.safetensors'}?base={base}",
        adapter=adapter and f"E={adapter}?base={base}",
        base_bytes=sum(value.nbytes for value in weights.values()),
        delta_bytes=sum(value.nbytes for value in (*merger.values(), *layer.values())),
    )


def write_adapter(model: torch.nn.Module, folder: Path) -> Path:
    """LoRA of rank 8 over the queries and values."""
    from peft import LoraConfig, get_peft_model

    get_peft_model(model, LoraConfig(r=8, target_modules=["q_proj", "v_proj"])).save_pretrained(
        folder
    )
    config = json.loads((folder / "adapter_config.json").read_text()) | {
        "base_model_name_or_path": ""
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


@torch.inference_mode()
def forward(engine: LocalEngine) -> torch.Tensor:
    """Logits of a prompt with one picture of 16 visual tokens."""
    tokens = torch.tensor([[4, *[6] * 16, 5, 20, 21]])
    pixels = torch.linspace(-1, 1, 64 * 384).reshape(64, 384)
    grid, kinds = torch.tensor([[1, 8, 8]]), (tokens == 6).long()
    logits: torch.Tensor = engine._model(
        input_ids=tokens, pixel_values=pixels, image_grid_thw=grid, mm_token_type_ids=kinds
    ).logits
    return logits


def loader() -> Callable[[CheckpointSpec], LocalEngine]:
    """A new one, which shares with no other."""
    return LocalLoader(CheckpointCatalog(in_folders=True).folder)


def resident(work: Callable[[], list[LocalEngine]]) -> tuple[list[LocalEngine], int]:
    """What the work loads, and what resident memory grows by."""
    meter = ResidentMeter()
    meter.settle()
    before = meter.current()
    engines = work()
    for engine in engines:
        forward(engine)
    meter.settle()
    return engines, meter.current() - before


def share(checkpoints: Checkpoints) -> bool:
    """A, B and C together, beside each alone."""
    specs = [parse_checkpoint(text) for text in checkpoints.whole]
    warm = loader()(parse_checkpoint(f"warm={STRONG}"))
    forward(warm)  # what libraries keep for good is not counted
    warm.close()
    alone, logits = 0, []
    for spec in specs:
        (engine,), grown = resident(lambda spec=spec: [loader()(spec)])
        alone += grown
        logits.append(forward(engine))
        engine.close()
    together = loader()
    engines, grown = resident(lambda: [together(spec) for spec in specs])
    unique = sum({k: v for engine in engines for k, v in engine.storages().items()}.values())
    needed = checkpoints.base_bytes + checkpoints.delta_bytes
    equal = all(
        torch.equal(forward(engine), expected)
        for engine, expected in zip(engines, logits, strict=True)
    )
    for engine in engines:
        engine.close()
    print(
        f"base {checkpoints.base_bytes / MB:.0f} MB, differing {checkpoints.delta_bytes / MB:.1f}"
    )
    print(f"each alone, added up: resident {alone / MB:.0f} MB")
    print(
        f"together: resident {grown / MB:.0f} MB, {grown / needed:.2f} of base + differing; "
        f"unique storage {unique / MB:.0f} MB, {unique / needed:.3f} (limit {SHARE_LIMIT:g})"
    )
    print(f"logits those of each alone, bit by bit: {'yes' if equal else 'NO'}")
    limit = SHARE_LIMIT * needed
    return equal and unique <= limit and grown <= limit + UNRELATED_MB * MB


def load(checkpoints: Checkpoints) -> bool:
    """A second checkpoint: whole, as a delta, as an adapter."""
    open_engine = loader()
    first = Spent()
    with first.round():
        base = open_engine(parse_checkpoint(checkpoints.whole[0]))
    print(f"loading the first: {first}")
    kinds = {"another, whole": checkpoints.whole[1], "a delta": checkpoints.delta}
    if checkpoints.adapter:
        kinds["an adapter"] = checkpoints.adapter
    else:
        print("an adapter: not measured, peft is not installed")
    for what, text in kinds.items():
        spec, spent = parse_checkpoint(text), Spent()
        open_engine(spec).close()  # its files are hashed, and libraries imported, once
        for _ in range(TWINS):
            with spent.round():
                engine = open_engine(spec)
            engine.close()
        print(f"{what} beside it: {spent}, {spent.ms / first.ms:.3f} of the first")
    base.close()
    return True


def switch(checkpoints: Checkpoints) -> bool:
    """Leases of A, B and C in turn, all of them resident."""
    specs = [parse_checkpoint(text) for text in checkpoints.whole]
    pool = EnginePool(loader(), max_loaded=len(specs))
    for spec in specs:
        forward(pool.get(spec))
    first, again = Spent(), Spent()
    for number in range(SWITCHES):
        spec = specs[number % len(specs)]
        with first.round(), pool.lease(spec) as engine:
            forward(engine)
        with again.round():
            forward(engine)
    pool.clear()
    extra = first.ms - again.ms
    print(f"a pass on the engine that was just used: {again}")
    print(
        f"the first pass after a switch: {first}; {extra:.1f} ms more (limit {SWITCH_LIMIT_MS:g})"
    )
    return extra <= SWITCH_LIMIT_MS


def guard() -> bool:
    """An empty block."""
    spent = Spent()
    for _ in range(GUARDED):
        with spent.round(), MemoryGuard(ResidentMeter(), None, lambda use: None):
            pass
    print(f"a memory guard around nothing: {spent.ms:.3f} ms (limit {GUARD_LIMIT_MS:g})")
    return spent.ms <= GUARD_LIMIT_MS


if __name__ == "__main__":
    sys.exit(main())
