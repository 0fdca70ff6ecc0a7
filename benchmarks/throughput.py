"""What an evaluation costs beside a bare batched `generate` loop, on one model in one process.

    python benchmarks/throughput.py [--rounds 15] [--samples 192] [--short]

Three pairs, interleaved round by round; the figures are medians of the rounds' ratios of CPU time:

- generating: the engine's answers beside a loop that a careful user would write by hand, at the
  same batches;
- four questions a picture: the same, where each picture is asked about four times in a row;
- evaluating: plan, answers, cache and score beside the same hand-written loop.

``--short`` takes under a minute, and fails only where a figure is missed by more than `SLACK`.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from tqdm import trange

from pytest_vlm.engine.decoding import Picture, Question
from pytest_vlm.engine.local import LocalEngine
from pytest_vlm.evaluation.batch_plan import plan_batches
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.scores import exact_match
from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, Settings

DIGITS = Path(__file__).parents[1] / "app/digits"
QUERIES = [
    f"what digit is at the {place}?"
    for place in ("top left", "top right", "bottom left", "bottom right")
]
GENERATING, FOUR_QUESTIONS, EVALUATING = 0.97, 1.3, 0.93
OVERHEAD_MS, SLACK = 0.3, 0.1
Batches = Sequence[Sequence[Sample]]


def bare_loop(engine: LocalEngine, batches: Batches, settings: GenerationSettings) -> list[str]:
    """Open, encode, generate, decode: what a user writes by hand."""
    model, prompting = engine._model, engine._prompting
    config = engine._generation_config(settings)
    answers = []
    for batch in batches:
        questions = [
            Question(s, [Picture.decode(frame, None) for frame in s.frames]) for s in batch
        ]
        inputs = prompting.encode(questions, settings).inputs
        with torch.inference_mode():
            tokens = model.generate(**inputs, generation_config=config)
        new = tokens[:, inputs["input_ids"].shape[1] :]
        answers += prompting.tokenizer.batch_decode(new, skip_special_tokens=True)
    return answers


def seconds(work: Callable[[], object]) -> float:
    """CPU time of the process; garbage of the work before is not counted."""
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def pair(bare: Callable[[], object], ours: Callable[[], object], swap: bool) -> tuple[float, float]:
    """Both times; which comes first changes from round to round."""
    if swap:
        second, first = seconds(ours), seconds(bare)
        return first, second
    return seconds(bare), seconds(ours)


def exhaust(predict: Callable[..., Iterable[object]], *arguments: object) -> None:
    """Take every batch of a stream."""
    for _ in predict(*arguments):
        pass


def main() -> int:
    """Print the medians; 1 where one does not reach its figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each pair (default 15)")
    parser.add_argument("--short", action="store_true", help="7 rounds of 96 samples, for CI")
    parser.add_argument("--samples", type=int, default=192, help="samples a round (default 192)")
    options = parser.parse_args()
    slack = SLACK if options.short else 0.0
    if options.short:
        options.rounds, options.samples = 7, 96
    torch.set_num_threads(1)
    settings = GenerationSettings()
    with tempfile.TemporaryDirectory() as folder:
        run = Settings(
            checkpoints=(f"strong={DIGITS / 'checkpoints/strong'}",),
            samples=DIGITS / "heldout/samples.jsonl",
            limit=options.samples,
            generation=settings,
        )
        with Session(run, folder=Path(folder)) as session:
            ratios, overhead = measure(session, options.rounds, settings, Path(folder))
    reached = True
    for (name, values), least in zip(
        ratios.items(), (GENERATING, FOUR_QUESTIONS, EVALUATING), strict=True
    ):
        figure = statistics.median(values)
        reached &= figure >= least - slack
        print(f"{name}: {figure:.3f} of the bare loop (median of {len(values)}, least {least})")
    spent = statistics.median(overhead)
    print(f"overhead above the model: {spent:+.3f} ms a sample (limit {OVERHEAD_MS})")
    return int(not reached or spent > OVERHEAD_MS + slack)


def measure(
    session: Session, rounds: int, settings: GenerationSettings, folder: Path
) -> tuple[dict[str, list[float]], list[float]]:
    """Ratios of the three pairs, and milliseconds a sample of the whole above the bare loop."""
    spec, samples = session.checkpoints[0], session.samples
    engine = session.engine(spec)
    assert isinstance(engine, LocalEngine)
    single = distinct_pictures(samples)
    four = [
        Sample.ask(id=f"{s.id}-{n}", image=s.frames[0].source, query=query)
        for s in single[: len(samples) // 4]
        for n, query in enumerate(QUERIES)
    ]
    batches = {
        name: [[asked[i] for i in batch.positions] for batch in plan_batches(asked, settings)]
        for name, asked in (("single", single), ("four", four), ("whole", list(samples)))
    }
    ratios: dict[str, list[float]] = {
        "generating": [],
        "four questions a picture": [],
        "evaluating": [],
    }
    overhead = []
    bare_loop(engine, batches["single"][:2], settings)
    for number in trange(rounds, desc="rounds"):
        swap = bool(number % 2)
        for name, chosen in (("generating", "single"), ("four questions a picture", "four")):
            bare, ours = pair(
                partial(bare_loop, engine, batches[chosen], settings),
                partial(exhaust, engine.predict, batches[chosen], settings),
                swap,
            )
            ratios[name].append(bare / ours)
        anew = replace(session.settings, cache_dir=folder / str(number))
        with Session(anew, loaders={"local": lambda spec: engine}, folder=folder) as fresh:
            bare, ours = pair(
                partial(bare_loop, engine, batches["whole"], settings),
                partial(fresh.evaluate, spec, fresh.samples, exact_match),
                swap,
            )
            fresh._pool._engines.clear()  # it is not this session's to close
        ratios["evaluating"].append(bare / ours)
        overhead.append(1000 * (ours - bare) / len(samples))
    return ratios, overhead


def distinct_pictures(samples: Sequence[Sample]) -> list[Sample]:
    """One sample a picture."""
    return list({sample.frames: sample for sample in samples}.values())


if __name__ == "__main__":
    sys.exit(main())
