"""The answers that differ, as a table for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SHOWN = 10
NARROWEST = 80
CHANGE, ID = 4, 10
GAP = "  "


def flip_table(
    flips: Sequence[Mapping[str, Any]], names: tuple[str, str], columns: int
) -> Iterator[str]:
    """A head, the first flips, and how many more there are.

    Args:
        flips: as the evidence of a claim lists them, losses first.
        names: of the baseline and the candidate.
        columns: of the terminal.
    """
    losses = [flip for flip in flips if flip["lost"]]
    wins = [flip for flip in flips if not flip["lost"]]
    won = min(len(wins), max(SHOWN // 2, SHOWN - len(losses)))
    shown = [*losses[: SHOWN - won], *wins[:won]]
    room = max(columns, NARROWEST) - CHANGE - ID - 6 * len(GAP)
    short = room // 5
    widths = (CHANGE, ID, room - 3 * short, short, short, short)
    yield _row(widths, ("", "id", "question", "target", *names))
    for flip in shown:
        cells = (
            "lost" if flip["lost"] else "won",
            flip["id"],
            flip["query"],
            " | ".join(flip["targets"]),
            flip["baseline_answer"] or "(nothing)",
            flip["candidate_answer"] or "(nothing)",
        )
        yield _row(widths, cells)
    if len(flips) > len(shown):
        yield f"{GAP}... {len(flips) - len(shown)} more in the report"


def _row(widths: Sequence[int], cells: Sequence[str]) -> str:
    fitted = (_fit(cell, width) for cell, width in zip(cells, widths, strict=True))
    return (GAP + GAP.join(fitted)).rstrip()


def _fit(cell: str, width: int) -> str:
    """A cell of so many columns; what is longer ends in an ellipsis."""
    text = " ".join(cell.split())
    if sum(map(_columns, text)) > width:
        taken, used = "", 1
        for character in text:
            used += _columns(character)
            if used > width:
                break
            taken += character
        text = f"{taken}…"
    return text + " " * (width - sum(map(_columns, text)))


def _columns(character: str) -> int:
    """How many a character takes: East Asian ones two, marks none."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
