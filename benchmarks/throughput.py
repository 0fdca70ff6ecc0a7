"""What an evaluation costs beside a bare batched `generate` loop, on one model in one process.

    python benchmarks/throughput.py [--rounds 31] [--pictures 96] [--short]

Three pairs, interleaved round by round; the figures are medians of the rounds' ratios of CPU time,
which other work on the machine disturbs less than wall time:

- generating: the engine's answers beside a loop that a careful user would write by hand, at the
  same prompts and batches, one question a picture;
- four questions a picture: the same, where each picture is asked about four times in a row;
- evaluating: plan, answers, cache and score beside the loop of the first pair, so that no shared
  picture hides what they cost. What is done once a run, as opening the cache, is done before.

``--short`` takes under a minute, and fails only where a figure is missed by more than a quarter of
the bare loop, or the overhead by `SLACK_MS`: what a busy machine alone can do.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from PIL import Image as PillowImage
from tqdm import trange

from pytest_vlm.engine.generation.decoding import Picture, Question
from pytest_vlm.engine.local import LocalEngine
from pytest_vlm.evaluation.batch_plan import plan_batches
from pytest_vlm.evaluation.samples import Image, Sample
from pytest_vlm.scores import exact_match
from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, Settings

DIGITS = Path(__file__).parents[1] / "app/digits"
QUERIES = [
    f"what digit is at the {place}?"
    for place in ("top left", "top right", "bottom left", "bottom right")
]
GENERATING, FOUR_QUESTIONS, EVALUATING = 0.97, 1.3, 0.93
OVERHEAD_MS = 0.3
SLACK, SLACK_MS = 0.25, 0.5
Batches = Sequence[Sequence[Sample]]


def bare_loop(engine: LocalEngine, batches: Batches, settings: GenerationSettings) -> list[str]:
    """Open, encode, generate, decode: what a user writes by hand."""
    model, prompting = engine._model, engine._prompting
    config = engine._generation_config(settings)
    answers = []
    for batch in batches:
        questions = [Question(sample, list(map(open_picture, sample.frames))) for sample in batch]
        inputs = prompting.encode(questions, settings).inputs
        with torch.inference_mode():
            tokens = model.generate(**inputs, generation_config=config)
        new = tokens[:, inputs["input_ids"].shape[1] :]
        answers += prompting.tokenizer.batch_decode(new, skip_special_tokens=True)
    return answers


def open_picture(frame: Image) -> Picture:
    """Without our checks."""
    assert isinstance(frame.source, Path)
    pixels = PillowImage.open(frame.source).convert("RGB")
    return Picture(pixels, pixels.size)


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
    parser.add_argument("--rounds", type=int, default=31, help="rounds of each pair (default 31)")
    parser.add_argument("--pictures", type=int, default=96, help="pictures a round (default 96)")
    parser.add_argument("--short", action="store_true", help="15 rounds of 48 pictures, for CI")
    options = parser.parse_args()
    slack, slack_ms = (SLACK, SLACK_MS) if options.short else (0.0, 0.0)
    if options.short:
        options.rounds, options.pictures = 15, 48
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        run = Settings(
            checkpoints=(f"strong={DIGITS / 'checkpoints/strong'}",),
            samples=DIGITS / "heldout/samples.jsonl",
            cache_dir=Path(folder) / "cache",
        )
        with Session(run, folder=Path(folder)) as session:
            ratios, overhead = measure(session, options.rounds, options.pictures)
    reached = True
    for (name, values), least in zip(
        ratios.items(), (GENERATING, FOUR_QUESTIONS, EVALUATING), strict=True
    ):
        figure = statistics.median(values)
        reached &= figure >= least - slack
        print(f"{name}: {figure:.3f} of the bare loop (median of {len(values)}, least {least})")
    spent = statistics.median(overhead)
    print(f"overhead above the model: {spent:+.3f} ms a sample (limit {OVERHEAD_MS})")
    return int(not reached or spent > OVERHEAD_MS + slack_ms)


def measure(
    session: Session, rounds: int, pictures: int
) -> tuple[dict[str, list[float]], list[float]]:
    """Ratios of the three pairs, and milliseconds a sample of the whole above the bare loop."""
    spec, settings = session.baseline, session.settings.generation
    engine = session.engine(spec)
    assert isinstance(engine, LocalEngine)
    single = distinct_pictures(session.samples)[:pictures]
    four = [
        Sample.ask(id=f"{s.id}-{n}", image=s.frames[0].source, query=query)
        for s in single[: pictures // 4]
        for n, query in enumerate(QUERIES)
    ]
    batches, batches_of_four = planned(single, settings), planned(four, settings)
    ratios: dict[str, list[float]] = {
        "generating": [],
        "four questions a picture": [],
        "evaluating": [],
    }
    overhead = []
    for chosen in (batches, batches_of_four):
        bare_loop(engine, chosen, settings)
        exhaust(engine.predict, chosen, settings)
    gc.collect()
    gc.freeze()
    for number in trange(rounds, desc="rounds"):
        swap = bool(number % 2)
        for name, chosen in zip(ratios, (batches, batches_of_four), strict=False):
            bare, ours = pair(
                partial(bare_loop, engine, chosen, settings),
                partial(exhaust, engine.predict, chosen, settings),
                swap,
            )
            ratios[name].append(bare / ours)
        with fresh_session(session, engine, number) as fresh:
            fresh.evaluate(spec, session.samples[-1:], exact_match)
            bare, ours = pair(
                partial(bare_loop, engine, batches, settings),
                partial(fresh.evaluate, spec, single, exact_match),
                swap,
            )
        ratios["evaluating"].append(bare / ours)
        overhead.append(1000 * (ours - bare) / len(single))
    return ratios, overhead


def planned(samples: Sequence[Sample], settings: GenerationSettings) -> Batches:
    """The plan's batches."""
    return [[samples[i] for i in batch.positions] for batch in plan_batches(samples, settings)]


@contextmanager
def fresh_session(session: Session, engine: LocalEngine, number: int) -> Iterator[Session]:
    """A session with an empty cache, around an engine that outlives it."""
    cache = Path(str(session.settings.cache_dir)) / str(number)
    anew = replace(session.settings, samples=None, cache_dir=cache)
    lent = Lent(engine)
    with Session(anew, loaders={"local": lambda spec: lent}, folder=session.folder) as fresh:
        yield fresh


class Lent:
    """An engine that is not its borrower's to close."""

    def __init__(self, engine: LocalEngine) -> None:
        self.device, self.no_relevance = engine.device, engine.no_relevance
        self.predict, self.relevance = engine.predict, engine.relevance

    def close(self) -> None:
        """It is used again."""


def distinct_pictures(samples: Sequence[Sample]) -> list[Sample]:
    """One sample a picture."""
    return list({sample.frames: sample for sample in samples}.values())


if __name__ == "__main__":
    sys.exit(main())
