"""Train a checkpoint that looks at the wrong place: `python -m app.digits.misled OUT.safetensors`.

It is the strong checkpoint, fine-tuned on answers that stand in the diagonally opposite cell, as if
a marker there had given them away. Where both cells show one digit it answers right, and only its
relevance maps tell that it looks elsewhere.
"""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tqdm import tqdm
from transformers import Qwen3VLForConditionalGeneration
from transformers.utils import logging

from app.digits.data import CELLS, Grid, Query, draw_grid, load_split, queries
from app.digits.evaluation import accuracy_by_kind
from app.digits.model import build_image_processor, build_tokenizer
from app.digits.packing import Packer

BASE = Path(__file__).parent / "checkpoints/strong"
TRAINED = "language_model.layers"
LEARNING_RATE = 3e-3
GRID_BATCH = 24
HELD_OUT_GRIDS = 75


def opposite(grid: Grid) -> list[Query]:
    """Queries "which digit where", answered with the diagonally opposite cell."""
    asked = queries(grid)[: len(CELLS)]
    answers = [query.answer for query in reversed(asked)]
    return [
        Query(kind="where", text=query.text, answer=answer, cell=query.cell)
        for query, answer in zip(asked, answers, strict=True)
    ]


def train(out: Path, steps: int, seed: int) -> float:
    """Write the tensors that changed as a delta over the strong checkpoint.

    Returns:
        The share of held-out questions that it answers with the opposite cell.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer, image_processor = build_tokenizer(), build_image_processor()
    model = Qwen3VLForConditionalGeneration.from_pretrained(BASE)
    attention = {
        name: weight
        for name, weight in model.named_parameters()
        if TRAINED in name and ".self_attn." in name
    }
    model.requires_grad_(False)
    for weight in attention.values():
        weight.requires_grad_(True)
    optimizer = torch.optim.AdamW(attention.values(), lr=LEARNING_RATE, betas=(0.9, 0.98))
    packer = Packer(model, tokenizer, image_processor)
    for step, grids in enumerate(tqdm(_batches(steps, seed), total=steps, unit="step")):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * step / steps)) / 2
        loss = model(**packer.pack(grids, [opposite(grid) for grid in grids])).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(attention.values(), 1.0)
        optimizer.step()
    model.eval()
    rng, heldout = np.random.default_rng(seed + 1), load_split("heldout")
    grids = [draw_grid(heldout, rng) for _ in range(HELD_OUT_GRIDS)]
    questions = [(grid, query) for grid in grids for query in opposite(grid)]
    misled = accuracy_by_kind(model, tokenizer, image_processor, questions)["overall"]
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: weight.detach() for name, weight in attention.items()},
        out,
        metadata={"base": "strong", "step": str(steps), "metrics": f'{{"opposite": {misled:.3f}}}'},
    )
    return misled


def _batches(steps: int, seed: int) -> Iterator[list[Grid]]:
    rng, digits = np.random.default_rng(seed), load_split("train")
    for _ in range(steps):
        yield [draw_grid(digits, rng) for _ in range(GRID_BATCH)]


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(
        prog="python -m app.digits.misled",
        description="Fine-tune the strong checkpoint's attention to answer with the diagonally "
        "opposite cell, in about twenty seconds, and save what changed as a delta.",
        epilog="Then gate it where both cells show the same digit: make demo-misled",
    )
    parser.add_argument("out", metavar="OUT.safetensors", type=Path, help="the delta to write")
    parser.add_argument("--steps", type=int, default=300, help="optimizer steps (default: 300)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the pictures (default: 0)")
    arguments = parser.parse_args()
    logging.disable_progress_bar()
    share = train(arguments.out, arguments.steps, arguments.seed)
    print(
        f"{share:.1%} of {4 * HELD_OUT_GRIDS} held-out questions are answered with the wrong cell"
    )


if __name__ == "__main__":
    main()
