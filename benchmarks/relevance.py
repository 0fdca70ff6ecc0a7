"""What relevance maps cost, and what they are worth, on the demo's trained model.

    python benchmarks/relevance.py [--rounds 9] [--samples 300] [--short]

cost       `attention` beside generating the answers: CPU time, interleaved, median of the rounds'
           ratios. The limit is 1.2.
equality   the map under SDPA beside the same made of transformers' eager attention. Limit 1e-5.
memory     peak of a method at 4,096 visual tokens beside the plain forward pass, each in a process
           of its own; counted is what lies above the model and its inputs. Limit 1.2, for
           `attention`.
methods    "which digit where", on data that the model was not trained on: how often the largest
           cell lies in the right quarter (chance .25), and CPU time a sample. Limit .95, for
           `attention`.

``--short`` takes under a minute: fewer rounds and samples, the same limits with a quarter's slack
on the cost.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm
from transformers import AutoConfig, AutoModelForImageTextToText

from pytest_vlm.checkpoint.spec import parse_checkpoint
from pytest_vlm.data.opening import open_dataset
from pytest_vlm.engine.generation.decoding import decode_ahead
from pytest_vlm.engine.local import LocalEngine
from pytest_vlm.engine.relevance.attention import LAST
from pytest_vlm.engine.relevance.explaining import put_together
from pytest_vlm.engine.relevance.likelihood import read
from pytest_vlm.engine.relevance.methods import METHODS
from pytest_vlm.engine.relevance.reading import Answer, Reading, put_behind
from pytest_vlm.evaluation.explanation import MapRequest, answer_span
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.memory.meters import ResidentMeter
from pytest_vlm.settings import GenerationSettings

DIGITS = Path(__file__).parents[1] / "app/digits"
STRONG = DIGITS / "checkpoints/strong"
SETTINGS = GenerationSettings()
BATCH, VISUAL, ANSWER = 32, 4096, 16
COST, DIFFERENCE, MEMORY, POINTING, SLACK = 1.2, 1e-5, 1.2, 0.95, 1.25
PLAIN = "plain forward pass"
MIB = 2**20
Batches = Sequence[Sequence[Sample]]
Answers = Sequence[Sequence[Prediction]]


def main() -> int:
    """Print the figures; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, help="of the cost; default 9")
    parser.add_argument("--samples", type=int, default=300, help="most of them; default 300")
    parser.add_argument("--short", action="store_true", help="in under a minute")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        print(peak(options.peak))
        return 0
    rounds, count = (7, 96) if options.short else (options.rounds, options.samples)
    torch.set_num_threads(1)
    engine = LocalEngine(parse_checkpoint(f"strong={STRONG}"), STRONG)
    dataset = open_dataset(DIGITS / "heldout/samples.jsonl")
    samples = [s for s in dataset if "where" in s.tags and s.regions][:count]
    batches = [samples[start : start + BATCH] for start in range(0, len(samples), BATCH)]
    answers = list(engine.predict(batches, SETTINGS))
    reached = [
        cost(engine, batches, answers, rounds, COST * (SLACK if options.short else 1)),
        equality(engine, batches, answers),
        memory(("attention",) if options.short else ("attention", "rollout", "grad_attention")),
        methods(engine, batches, answers),
    ]
    return 0 if all(reached) else 1


def cost(
    engine: LocalEngine, batches: Batches, answers: Answers, rounds: int, limit: float
) -> bool:
    """Maps beside answers, round by round."""
    spent: list[tuple[float, float]] = []
    for _ in tqdm(range(rounds), desc="cost", disable=None):
        asking = seconds(lambda: list(engine.predict(batches, SETTINGS)))
        looking = seconds(lambda: explain(engine, batches, answers, "attention"))
        spent.append((asking, looking))
    samples = sum(map(len, batches))
    asking, looking = (1e3 * statistics.median(part) / samples for part in zip(*spent, strict=True))
    ratio = statistics.median(looking / asking for asking, looking in spent)
    print(
        f"cost: attention {looking:.2f} ms a sample, generating {asking:.2f} ms: "
        f"{ratio:.2f} times (limit {limit:.2f}; {rounds} rounds of {samples} samples)"
    )
    return ratio <= limit


def equality(engine: LocalEngine, batches: Batches, answers: Answers) -> bool:
    """The largest difference of a cell."""
    model, most = engine._model, 0.0

    def eager(model: Any, reading: Reading) -> torch.Tensor:
        with torch.inference_mode():
            layers = model(**reading.inputs, output_attentions=True).attentions[-LAST:]
        mean = torch.stack(layers).mean((0, 2))
        rows = reading.rows[..., None].expand(-1, -1, mean.shape[-1])
        return (mean.gather(1, rows) * reading.weights[..., None]).sum(1)

    method = METHODS["attention"]
    for batch, predictions in zip(batches, answers, strict=True):
        reading = as_read(engine, batch, predictions)
        fused = method(model, reading).values
        kernel = model.config._attn_implementation
        model.set_attn_implementation("eager")
        most = max(most, float((eager(model, reading) - fused).abs().max()))
        model.set_attn_implementation(kernel)
    print(f"equality: SDPA and eager attention differ by {most:.1e} (limit {DIFFERENCE:.0e})")
    return most < DIFFERENCE


def as_read(engine: LocalEngine, batch: Sequence[Sample], answers: Sequence[Prediction]) -> Reading:
    """What the engine's own maps are made of."""
    encoded = engine._encode(next(decode_ahead([batch], SETTINGS)), SETTINGS)
    assert encoded is not None
    completions = [answer.completions[0] for answer in answers]
    spans = [answer_span(completion) for completion in completions]
    return put_together(engine._model, encoded, completions, spans, engine._prompting.tokenizer)


def memory(names: Sequence[str]) -> bool:
    """Peaks, each of a process of its own."""
    plain, *others = (
        int(subprocess.check_output([sys.executable, __file__, "--peak", name], text=True))
        for name in tqdm((PLAIN, *names), desc="memory", disable=None)
    )
    print(f"memory at {VISUAL:,} visual tokens: {PLAIN} {plain / MIB:.0f} MiB", end="")
    for name, found in zip(names, others, strict=True):
        print(f", {name} {found / MIB:.0f} MiB ({found / plain:.2f} times)", end="")
    print(f"; limit {MEMORY} for attention")
    return others[names.index("attention")] < MEMORY * plain


def peak(name: str) -> int:
    """Bytes above the model and its inputs, at most, while a method works."""
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(STRONG)
    text, vision = config.text_config, config.vision_config
    text.hidden_size = vision.out_hidden_size = 512
    text.intermediate_size, text.num_hidden_layers = 1536, 6
    text.layer_types = ["full_attention"] * 6
    text.num_attention_heads, text.num_key_value_heads = 16, 4
    text.max_position_embeddings = 2 * VISUAL
    model: Any = AutoModelForImageTextToText.from_config(config).eval()
    side = 2 * int(VISUAL**0.5)
    patch = 3 * vision.temporal_patch_size * vision.patch_size**2

    def reading(patches: int) -> Reading:
        ids = torch.tensor([[config.vision_start_token_id, *[6] * (patches**2 // 4), 30, 31, 32]])
        inputs = {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "mm_token_type_ids": (ids == config.image_token_id).long(),
            "pixel_values": torch.randn(patches**2, patch),
            "image_grid_thw": torch.tensor([[1, patches, patches]]),
        }
        answer = Answer(tokens=list(range(20, 20 + ANSWER)), explained=range(ANSWER))
        return put_behind(
            inputs, [answer], image_token=config.image_token_id, pad=0, model_type="qwen3_vl"
        )

    def plain(model: Any, reading: Reading) -> None:
        with torch.inference_mode():
            read(model, reading)

    work: Callable[[Any, Reading], Any] = plain if name == PLAIN else METHODS[name]
    work(model, reading(8))  # what is set up once is not counted
    asked, meter = reading(side), ResidentMeter()
    meter.settle()
    meter.reset()
    before = meter.current()
    work(model, asked)
    return meter.peak() - before


def methods(engine: LocalEngine, batches: Batches, answers: Answers) -> bool:
    """The table of docs/relevance.md."""
    samples = sum(map(len, batches))
    print(f"methods: which digit where, {samples} samples, batches of {BATCH}")
    print("| method | largest cell in the right quarter | ms a sample |\n|---|---|---|")
    found = {}
    for name in METHODS:
        if name == "own":
            continue
        start = time.process_time()
        maps = explain(engine, batches, answers, name)
        spent = time.process_time() - start
        pairs = zip((s for batch in batches for s in batch), maps, strict=True)
        peaks = [(sample.regions[0], heatmap.peak()) for sample, heatmap in pairs]
        hits = sum(at is not None and at.lies_in(region) for region, at in peaks)
        found[name] = hits / samples
        print(f"| `{name}` | {found[name]:.2f} | {1e3 * spent / samples:.1f} |")
    return found["attention"] >= POINTING


def explain(engine: LocalEngine, batches: Batches, answers: Answers, method: str) -> list[Any]:
    """The maps of all batches."""
    wanted = MapRequest(method=method)
    return [
        heatmap
        for batch, given in zip(batches, answers, strict=True)
        for heatmap in engine.relevance(batch, given, SETTINGS, wanted)
    ]


def seconds(work: Callable[[], object]) -> float:
    """CPU time of the process; garbage of the work before is not counted."""
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(main())
