"""Writes the tables of options and markers into reference.md: ``python docs/generate.py``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pytest_vlm.options.reading import documented
from pytest_vlm.pytest_run.markers import MARKERS

REFERENCE = Path(__file__).with_name("reference.md")


def options_table() -> str:
    """One row an option: command line, ini name, what it does."""
    rows = ((f"`{switch}`", f"`{ini}`" if ini else "–", text) for switch, ini, text in documented())
    return _table(("command line", "ini", "what it does"), rows)


def markers_table() -> str:
    """One row a marker: how it is written, what it says; as ``pytest --markers`` has it."""
    rows = (marker.partition(": ")[::2] for marker in MARKERS)
    return _table(("marker", "meaning"), ((f"`{name}`", text) for name, text in rows))


def with_tables(text: str) -> str:
    """The reference with its tables as they should be."""
    for name, table in (("options", options_table()), ("markers", markers_table())):
        begin, end = f"<!-- {name}: generated -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join((f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}", *lines))


if __name__ == "__main__":
    REFERENCE.write_text(with_tables(REFERENCE.read_text("utf-8")), "utf-8")
