"""How often claims err at the edge of what they claim, and how often they notice.

    python benchmarks/calibration.py [--replicates 20000] [--only Clusters] [--write FILE]

Right-or-wrong scores without clusters are enumerated: no simulation, and no replicates. All others
are simulated with fixed seeds; cells that take long stop at 4,000 replicates or fewer, as their row
says. An error is a pass, or, where equal checkpoints are checked for a regression, "worse". Naive
versions stand in the same tables and must fail. ``--write docs/calibration.md`` keeps the tables.

Limits: exact tests 5 %; mid-p 5.5 %; Tango's score 5.8 %; simulated 6.1 % at 4,000 replicates and
5.5 % at 20,000; clusters 7 %; e-processes 5 % and three standard errors of the simulation.
Exit status 1 where a cell misses its limit.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from calibrated import betting, enumerated, naive, simulated
from calibrated.row import ENUMERATED, Row
from tqdm import tqdm

Figures = dict[int, float]
HEADER = """# Error rates and power

Written on {date} by `{command}`.
The figures are in %, by the number of pairs; α = 0.05, one-sided. A cell is bold where it misses its
limit: of a null cell it is the largest error that is accepted, of a naive version the smallest one.
`enumerated` figures are exact; the others come from so many replicates with fixed seeds.
"""


def measured(rows: list[Row], replicates: int) -> list[tuple[Row, Figures]]:
    """Every figure of every row."""
    found = []
    cells = tqdm(total=sum(len(row.sizes) for row in rows), desc="cells")
    for row in rows:
        figures = {}
        for n in row.sizes:
            cells.set_postfix_str(f"{row.name}, {n}"[:50])
            figures[n] = row.measure(n, min(replicates, row.most))
            cells.update()
        found.append((row, figures))
    cells.close()
    return found


def missed(row: Row, n: int, figure: float, replicates: int) -> bool:
    """Whether it lies outside its limits."""
    return not row.low <= figure <= row.limit(n, min(replicates, row.most))


def table(found: list[tuple[Row, Figures]], replicates: int) -> str:
    """Markdown, a table a section."""
    parts = []
    for section, group in groupby(found, key=lambda pair: pair[0].section):
        members = list(group)
        sizes = sorted({n for _, figures in members for n in figures})
        lines = [f"\n## {section}\n", _line(["", *map(str, sizes), "limit", "replicates"])]
        lines.append(_line(["---", *["---:"] * (len(sizes) + 2)]))
        for row, figures in members:
            count = min(replicates, row.most)
            cells = []
            for n in sizes:
                text = row.shown(figures[n]) if n in figures else ""
                bad = n in figures and missed(row, n, figures[n], count)
                cells.append(f"**{text}**" if bad else text)
            how = "enumerated" if row.most == ENUMERATED else f"{count:,}"
            lines.append(_line([row.name, *cells, _limits(row, count), how]))
        parts.append("\n".join(lines))
    return "\n".join(parts) + "\n"


def _limits(row: Row, count: int) -> str:
    low, high = row.shown(row.low), row.shown(row.limit(row.sizes[0], count))
    if not row.low:
        return f"≤ {high}"
    return f"≥ {low}" if row.share and row.limit(row.sizes[0], count) >= 1 else f"{low} to {high}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Print the tables; 1 where a cell misses its limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--replicates", type=int, default=20_000, help="of each cheap cell (default 20000)"
    )
    parser.add_argument("--only", default="", metavar="WORDS", help="sections or rows named so")
    parser.add_argument("--write", type=Path, metavar="FILE", help="keep the tables here")
    options = parser.parse_args()
    rows = [*enumerated.rows(), *simulated.rows(), *betting.rows(), *naive.rows()]
    chosen = [row for row in rows if options.only in f"{row.section}: {row.name}"]
    found = measured(chosen, options.replicates)
    text = table(found, options.replicates)
    print(text)
    bad = [
        f"{row.section}: {row.name}, {n} pairs: {row.shown(figure)}"
        for row, figures in found
        for n, figure in figures.items()
        if missed(row, n, figure, options.replicates)
    ]
    if options.write:
        command = shlex.join(["python", "benchmarks/calibration.py", *sys.argv[1:]])
        head = HEADER.format(date=datetime.now(UTC).date(), command=command)
        options.write.write_text(head + text, encoding="utf-8")
    print("\n".join(["outside their limits:", *bad] if bad else ["every cell keeps its limit"]))
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
