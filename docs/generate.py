"""Writes the options' table into reference.md: ``python docs/generate.py``."""

from __future__ import annotations

from pathlib import Path

from pytest_vlm.options.reading import documented

REFERENCE = Path(__file__).with_name("reference.md")
BEGIN, END = "<!-- options: generated -->", "<!-- end of options -->"


def options_table() -> str:
    """One row an option: command line, ini name, what it does."""
    rows = ["| command line | ini | what it does |", "|---|---|---|"]
    for switch, ini, text in documented():
        cells = (f"`{switch}`", f"`{ini}`" if ini else "–", text)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def with_table(text: str) -> str:
    """The reference with its table as it should be."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{options_table()}\n{END}{after}"


if __name__ == "__main__":
    REFERENCE.write_text(with_table(REFERENCE.read_text("utf-8")), "utf-8")
