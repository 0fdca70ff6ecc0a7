"""How often claims err at the edge of what they claim, and how often they notice.

    python benchmarks/calibration.py [--replicates 20000] [--only Clusters] [--write FILE]

Right-or-wrong scores without clusters are enumerated: no simulation, and no replicates. All others
are simulated with fixed seeds; cells that take long stop at 4,000 replicates or fewer, as their row
says. An error is a pass, or, where equal checkpoints are checked for a regression, "worse". Naive
versions stand beside them and must fail. ``--write docs/calibration.md`` puts the tables there.

Limits: exact tests 5 %; mid-p 5.5 %; Tango's score 5.8 %; simulated 6.1 % at 4,000 replicates and
5.5 % at 20,000; clusters 7 %; e-processes 5 % and three standard errors of the simulation.
Exit status 1 where a cell misses its limit.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

from calibrated import betting, enumerated, naive, simulated
from calibrated.row import ENUMERATED, Row
from tqdm import tqdm

Figures = dict[int, float]
HEADER = """# Error rates and power

The figures are in %, by the number of pairs; α = 0.05, one-sided. A cell is bold where it misses
its limit. Enumerated figures are exact: the probabilities of all outcomes that pass are added up.
The others are simulated with fixed seeds. Where a row has two limits, the first one is that of the
exact test, up to 300 pairs, and the second one that of Tango's score.

Every null cell lies at the edge of its claim, so that a pass (or, of equally good checkpoints, the
verdict "worse") is an error. Naive versions are what the gate does not do; they must err.
"""


def measured(rows: list[Row], replicates: int) -> list[tuple[Row, Figures]]:
    """Every figure of every row."""
    found = []
    cells = tqdm(total=sum(len(row.sizes) for row in rows), desc="cells")
    for row in rows:
        figures = {}
        for n in row.sizes:
            cells.set_postfix_str(f"{row.name}, {n}"[:50])
            figures[n] = row.measure(n, row.count(replicates))
            cells.update()
        found.append((row, figures))
    cells.close()
    return found


def table(found: list[tuple[Row, Figures]], replicates: int) -> str:
    """Markdown."""
    sizes = sorted({n for _, figures in found for n in figures})
    lines = [
        _line(["", *map(str, sizes), "limit", "replicates"]),
        _line(["---", *["---:"] * (len(sizes) + 2)]),
    ]
    for row, figures in found:
        cells = []
        for n in sizes:
            text = row.shown(figures[n]) if n in figures else ""
            bad = n in figures and not row.holds(figures[n], n, replicates)
            cells.append(f"**{text}**" if bad else text)
        how = "enumerated" if row.most == ENUMERATED else f"{row.count(replicates):,}"
        lines.append(_line([row.name, *cells, row.limits(replicates), how]))
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def merged(before: str, sections: dict[str, str], order: list[str]) -> str:
    """The document with these sections, and those of before that were not measured now."""
    kept = {part.partition("\n")[0]: part.partition("\n")[2] for part in before.split("\n## ")[1:]}
    kept |= sections
    ordered = [name for name in order if name in kept]
    return HEADER + "".join(f"\n## {name}\n{kept[name].rstrip()}\n" for name in ordered)


def main() -> int:
    """Print the tables; 1 where a cell misses its limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--replicates", type=int, default=20_000, help="of each cheap cell (default 20000)"
    )
    parser.add_argument("--only", default="", metavar="WORDS", help="sections named so")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables in here")
    options = parser.parse_args()
    rows = [*enumerated.rows(), *simulated.rows(), *betting.rows(), *naive.rows()]
    order = list(dict.fromkeys(row.section for row in rows))
    sections, bad = {}, []
    for section in [name for name in order if options.only in name]:
        own = [row for row in rows if row.section == section]
        found = measured(own, options.replicates)
        command = shlex.join(["python", "benchmarks/calibration.py", *sys.argv[1:]])
        sections[section] = f"\n{table(found, options.replicates)}\n\n"
        sections[section] += f"`{command}`, {datetime.now(UTC).date()}"
        print(f"\n## {section}\n{sections[section]}", flush=True)
        bad += [
            f"{section}: {row.name}, {n} pairs: {row.shown(figure)}"
            for row, figures in found
            for n, figure in figures.items()
            if not row.holds(figure, n, options.replicates)
        ]
        if options.write:
            before = options.write.read_text("utf-8") if options.write.exists() else ""
            options.write.write_text(merged(before, sections, order), encoding="utf-8")
    print("\n".join(["outside their limits:", *bad] if bad else ["every cell keeps its limit"]))
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
