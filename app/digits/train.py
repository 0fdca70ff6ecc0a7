"""Train the weak and the strong checkpoint from scratch: `python -m app.digits.train OUT`."""

import argparse
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm
from transformers.utils import logging

from app.digits.data import (
    Digits,
    Grid,
    Query,
    draw_grid,
    draw_single,
    load_split,
    name_query,
    queries,
)
from app.digits.evaluation import accuracy_by_kind, draw_questions
from app.digits.model import build_image_processor, build_model, build_tokenizer, save_checkpoint
from app.digits.packing import Packer

LEARNING_RATE = 4e-3
FINAL_RATE = 0.05
WARM_UP_STEPS = 50
MAX_GRADIENT_NORM = 1.0

SINGLE_DIGIT_STEPS = 60
SINGLE_DIGIT_BATCH = 32
GRID_BATCH = 24
QUERIES_PER_GRID = 7

QUESTIONS_PER_KIND = 300

Batch = tuple[list[Grid], list[list[Query]]]


def batches(digits: Digits, steps: int, seed: int) -> Iterator[Batch]:
    """One batch a step: single digits first, then grids with up to seven queries each."""
    rng = np.random.default_rng(seed)
    for step in range(steps):
        if step < SINGLE_DIGIT_STEPS:
            grids = [draw_single(digits, rng) for _ in range(SINGLE_DIGIT_BATCH)]
            asked = [[name_query(grid)] for grid in grids]
        else:
            grids = [draw_grid(digits, rng) for _ in range(GRID_BATCH)]
            asked = [_sample(queries(grid), rng) for grid in grids]
        yield grids, asked


def _sample(candidates: Sequence[Query], rng: np.random.Generator) -> list[Query]:
    chosen = rng.permutation(len(candidates))[:QUERIES_PER_GRID]
    return [candidates[index] for index in chosen]


def learning_rate_factor(step: int, steps: int) -> float:
    """Linear warm-up, then half a cosine down to 5 % of the peak."""
    if step < WARM_UP_STEPS:
        return (step + 1) / WARM_UP_STEPS
    progress = (step - WARM_UP_STEPS) / max(1, steps - WARM_UP_STEPS)
    return FINAL_RATE + (1 - FINAL_RATE) * (1 + math.cos(math.pi * progress)) / 2


def train(out: Path, steps: int, weak_step: int, seed: int) -> dict[str, dict[str, float]]:
    """Write `out/weak` and `out/strong`; return the held-out accuracies of both by kind of query.

    One CPU thread, and the same bytes for the same seed.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    image_processor = build_image_processor()
    model = build_model(tokenizer)
    packer = Packer(model, tokenizer, image_processor)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, steps)
    )
    questions = draw_questions(load_split("heldout"), QUESTIONS_PER_KIND)
    checkpoints = {weak_step: "weak", steps: "strong"}
    accuracies: dict[str, dict[str, float]] = {}

    progress = tqdm(batches(load_split("train"), steps, seed), total=steps, unit="step")
    for step, (grids, asked) in enumerate(progress, start=1):
        model.train()
        loss = model(**packer.pack(grids, asked)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        schedule.step()
        progress.set_postfix(loss=f"{loss.item():.3f}")
        if name := checkpoints.get(step):
            model.eval()
            accuracies[name] = accuracy_by_kind(model, tokenizer, image_processor, questions)
            save_checkpoint(model, out / name, step, accuracies[name])
    return accuracies


def accuracy_table(accuracies: Mapping[str, Mapping[str, float]]) -> str:
    """One row a checkpoint, one column a kind of query."""
    columns = list(next(iter(accuracies.values())))
    header = f"{'accuracy':10}" + "".join(f"{column:>10}" for column in columns)
    rows = [
        f"{name:10}" + "".join(f"{values[column]:10.3f}" for column in columns)
        for name, values in accuracies.items()
    ]
    return "\n".join([header, *rows])


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app.digits.train",
        description="Train a tiny Qwen3-VL on 2x2 grids of handwritten digits, on one CPU thread, "
        "in about two minutes. Saves OUT/weak on the way and OUT/strong at the end, both in the "
        "plain Hugging Face layout.",
        epilog="Then gate one against the other: "
        "pytest suites --checkpoint A=OUT/weak --checkpoint B=OUT/strong",
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="folder for both checkpoints")
    parser.add_argument(
        "--steps",
        type=int,
        default=700,
        help="optimizer steps; fewer make a strong checkpoint that is less strong (default: 700)",
    )
    parser.add_argument(
        "--weak-step",
        type=int,
        default=170,
        help="step at which the weak checkpoint is saved; by default one where about 80 %% of the "
        '"which digit where" answers are right (default: 170)',
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="seed of weights and training images; the held-out digits never change (default: 0)",
    )
    arguments = parser.parse_args()
    if not 1 <= arguments.weak_step < arguments.steps:
        parser.error(
            f"--weak-step {arguments.weak_step} is outside a training of {arguments.steps} steps; "
            f"choose it between 1 and {arguments.steps - 1}"
        )
    return arguments


def main() -> None:
    arguments = parse_arguments()
    logging.disable_progress_bar()
    start = time.perf_counter()
    try:
        accuracies = train(arguments.out, arguments.steps, arguments.weak_step, arguments.seed)
    except KeyboardInterrupt:
        raise SystemExit(f"\ninterrupted; what was saved stays in {arguments.out}") from None
    print(f"trained in {time.perf_counter() - start:.0f} s; checkpoints in {arguments.out}")
    print(f"{QUESTIONS_PER_KIND} held-out questions a kind:")
    print(accuracy_table(accuracies))


if __name__ == "__main__":
    main()
