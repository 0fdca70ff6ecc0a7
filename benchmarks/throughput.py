"""What an evaluation costs beside a bare batched `generate` loop, on one model in one process.

    python benchmarks/throughput.py [--rounds 101] [--pictures 96] [--short]

Three pairs, interleaved round by round; the figures are medians of the rounds' ratios of CPU time,
which other work on the machine disturbs less than wall time:

- generating: the engine's answers beside a loop that a careful user would write by hand with
  nothing but transformers, at the same prompts and batches, one question a picture;
- four questions a picture: the same, where each picture is asked about four times in a row;
- evaluating: plan, answers, cache and score beside the loop of the first pair, so that no shared
  picture hides what they cost. What is done once a run, as opening the cache, is done before.

``--short`` takes under a minute, and fails only where a figure is missed by more than a quarter of
the bare loop, or the overhead by `SLACK_MS`: what a busy machine alone can do.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from PIL import Image as PillowImage
from tqdm import trange

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
OVERHEAD_MS = 0.3
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
IMAGE = "<|image_pad|>"
SLACK, SLACK_MS = 0.25, 0.5
Batches = Sequence[Sequence[Sample]]


def bare_loop(engine: LocalEngine, batches: Batches, settings: GenerationSettings) -> list[str]:
    """Open, encode, generate, decode, with nothing but transformers: what a user writes by hand."""
    model, config = engine._model, engine._generation_config(settings)
    tokenizer, processor = engine._prompting.tokenizer, engine._prompting.image_processor
    image_token = tokenizer.convert_tokens_to_ids(IMAGE)
    answers = []
    for batch in batches:
        pictures = [PillowImage.open(path_of(sample)).convert("RGB") for sample in batch]
        pixels = processor(images=pictures, return_tensors="pt")
        counts = pixels["image_grid_thw"].prod(-1) // processor.merge_size**2
        prompts = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": [{"type": "image"}, text_of(sample)]}],
                tokenize=False,
                add_generation_prompt=True,
            ).replace(IMAGE, IMAGE * count)
            for sample, count in zip(batch, counts.tolist(), strict=True)
        ]
        encoded = tokenizer(prompts, padding=True, return_tensors="pt")
        kinds = (encoded["input_ids"] == image_token).long()
        with torch.inference_mode():
            tokens = model.generate(
                **encoded, **pixels, mm_token_type_ids=kinds, generation_config=config
            )
        new = tokens[:, encoded["input_ids"].shape[1] :]
        answers += tokenizer.batch_decode(new, skip_special_tokens=True)
    return answers


def path_of(sample: Sample) -> Path:
    """Of its only picture."""
    source = sample.frames[0].source
    assert isinstance(source, Path)
    return source


def text_of(sample: Sample) -> dict[str, str]:
    """Of its only question, as a chat template takes it."""
    return {"type": "text", "text": sample.query}


def check_same_answers(engine: LocalEngine, batches: Batches, settings: GenerationSettings) -> None:
    """Both loops do the same work, or there is nothing to compare. Both are warm then."""
    bare = bare_loop(engine, batches, settings)
    ours = [one.completions[0].raw for batch in engine.predict(batches, settings) for one in batch]
    assert bare == ours, "the bare loop and the engine give different answers"


def seconds(work: Callable[[], object]) -> float:
    """CPU time of the process; garbage of the work before is not counted."""
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def keep_freed_memory() -> None:
    """Have malloc keep what is freed: pages that are given back and asked for again cost either
    loop some percent, at random. Elsewhere than with glibc, nothing is changed.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)
        libc.mallopt(M_MMAP_THRESHOLD, 2**25)


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
    parser.add_argument("--rounds", type=int, default=101, help="rounds of each pair (default 101)")
    parser.add_argument("--pictures", type=int, default=96, help="pictures a round (default 96)")
    parser.add_argument("--short", action="store_true", help="15 rounds of 48 pictures, for CI")
    options = parser.parse_args()
    slack, slack_ms = (SLACK, SLACK_MS) if options.short else (0.0, 0.0)
    if options.short:
        options.rounds, options.pictures = 15, 48
    torch.set_num_threads(1)
    keep_freed_memory()
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
        check_same_answers(engine, chosen, settings)
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
        self._engine = engine

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def close(self) -> None:
        """It is used again."""


def distinct_pictures(samples: Sequence[Sample]) -> list[Sample]:
    """One sample a picture."""
    return list({sample.frames: sample for sample in samples}.values())


if __name__ == "__main__":
    sys.exit(main())
