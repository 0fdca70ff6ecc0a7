"""``python -m pytest_vlm plan``: how many samples a claim needs, before anything is asked."""

from __future__ import annotations

import argparse
import math
import sys

from pytest_vlm.commands.margins import MARGINS, percent, points, table
from pytest_vlm.commands.numbers import count, margin_of, number, share
from pytest_vlm.commands.saying import say
from pytest_vlm.commands.wish import Wish
from pytest_vlm.errors import SettingsError

EXAMPLES = """examples:
  python -m pytest_vlm plan --margin 0.05 --discordant 0.1
      you would accept to lose 5 points, and 10 % of the answers differ: how many samples?
  python -m pytest_vlm plan --margin 0.05 --discordant 0.1 --claims 5 --power 0.9
      a gate of five claims that an identical candidate passes in 90 % of the runs
  python -m pytest_vlm plan --margin 0.05 --discordant 0.1 --samples 300
      there are only 300 samples: what is the chance of a verdict?
  python -m pytest_vlm plan --margin 0.05 --discordant 0.1 --cluster-size 5
      five questions about each image say less than five about five images
  python -m pytest_vlm plan --pilot 50 --checkpoint A --checkpoint B --vlm-samples my.jsonl
      nobody knows how many answers differ: ask both checkpoints 50 samples and measure it

words:
  margin      the loss that you would accept, and that a pass rules out: 0.05 is five points
  discordant  share of the samples that exactly one of both checkpoints answers right. Two good
              checkpoints differ in 5 to 15 %. The more they differ, the more samples it takes.
  power       the chance that a candidate as good as the baseline gets its pass
  alpha       the chance that a candidate which really loses the whole margin passes a claim
"""
POWERS = (0.8, 0.9, 0.99)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Put the command on the command line."""
    parser = commands.add_parser(
        "plan",
        help="how many samples a claim needs, or how far the given ones go",
        description="How many samples does a gate need, so that a good candidate gets its pass "
        "and a bad one does not? Loads no model, except for a --pilot.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--margin", metavar="M", help="the loss you would accept, such as 0.05")
    parser.add_argument("--discordant", metavar="RATE", help="share of answers that differ: 0.1")
    parser.add_argument("--claims", default="1", metavar="K", help="claims of the gate; 1")
    parser.add_argument(
        "--power", default="0.8", help="chance that an identical candidate passes all; 0.8"
    )
    parser.add_argument("--alpha", default="0.05", help="error rate of a pass; 0.05")
    parser.add_argument(
        "--cluster-size", metavar="M", help="questions about one image, on average; default 1"
    )
    parser.add_argument("--samples", metavar="N", help="the chance of a verdict with so many")
    parser.add_argument(
        "--sequential", action="store_true", help="also: how soon an early stop would come"
    )
    pilot = parser.add_argument_group("measure instead of assume")
    pilot.add_argument("--pilot", metavar="N", help="ask both checkpoints N samples")
    pilot.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        metavar="[NAME=]SOURCE",
        help="twice: the baseline and the candidate",
    )
    pilot.add_argument("--vlm-samples", metavar="SOURCE", help="the questions, as for the gate")
    pilot.add_argument("--score", default="exact_match", help="default exact_match")
    pilot.add_argument("--vlm-media-root", metavar="DIR", help="where the pictures lie")
    pilot.add_argument("--vlm-engine", default="local", metavar="NAME", help="default local")
    pilot.add_argument("--vlm-max-new-tokens", default="64", metavar="N", help="default 64")
    pilot.add_argument("--vlm-batch-size", default="16", metavar="N", help="default 16")
    pilot.add_argument("--vlm-system-prompt", metavar="TEXT", help="put before every question")
    parser.set_defaults(run=_plan)


def _plan(options: argparse.Namespace) -> int:
    if options.pilot is None:
        return _calculate(options)
    from pytest_vlm.commands.pilot import run_pilot

    try:
        return run_pilot(options, _wish(options))
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            print(file=sys.stderr)  # leaves the progress bar's line
        say("stopped; nothing was measured and nothing is kept", error=True)
        return 130


def _calculate(options: argparse.Namespace) -> int:
    if options.margin is None:
        raise SettingsError("--margin is missing: the loss that you would accept, such as 0.05")
    if options.discordant is None:
        raise SettingsError(
            "--discordant is missing: the share of answers that differ, such as 0.1; or measure "
            "it: --pilot 50 --checkpoint A --checkpoint B --vlm-samples FILE"
        )
    for name in ("checkpoint", "vlm_samples"):
        if getattr(options, name):
            raise SettingsError(f"--{name.replace('_', '-')} is for a pilot; add --pilot 50")
    margin, discordant = margin_of(options), share(options, "discordant")
    wish = _wish(options)
    if options.samples is None:
        n = wish.samples(margin, discordant)
        say(f"{n:,} samples{' for each claim' * (wish.claims > 1)}", {"bold": True})
    else:
        n = count(options, "samples")
    chance = wish.chance(margin, discordant, n)
    if options.samples is None:
        _tell_needed(wish, chance)
    else:
        _tell_given(wish, margin, discordant, n, chance)
    _tell_assumed(wish, margin, discordant, n)
    if options.sequential:
        _tell_sequential(wish, margin, discordant, n)
    say()
    if options.samples is None:
        _table_of_samples(wish, discordant)
    else:
        _table_of_chances(wish, discordant, n)
    return 0


def _tell_needed(wish: Wish, chance: float) -> None:
    passes = f"passes the claim in {percent(chance)} of the runs"
    if wish.claims > 1:
        passes = (
            f"passes one claim in {percent(chance)} of the runs, and all {wish.claims} in "
            f"{percent(wish.all(chance))}"
        )
    say(f"A candidate as good as the baseline {passes}.")
    if wish.claims > 1:
        say(
            f"Every claim can go wrong, so that {percent(wish.power)} for all takes "
            f"{percent(wish.each())} for each."
        )


def _tell_given(wish: Wish, margin: float, discordant: float, n: int, chance: float) -> None:
    least = wish.least(margin)
    if n < least:
        say(f"{n:,} samples can show nothing", {"bold": True})
        say(f"At least {least:,} are needed, even if not one answer differed.")
    else:
        say(f"{percent(wish.all(chance))} chance of a pass with {n:,} samples", {"bold": True})
        each = f"; each one in {percent(chance)}" * (wish.claims > 1)
        say(f"So often a candidate as good as the baseline passes {wish.all_claims}{each}.")
    say(f"For {percent(wish.power)}, {wish.samples(margin, discordant):,} samples are needed.")


def _tell_assumed(wish: Wish, margin: float, discordant: float, n: int) -> None:
    say()
    say(f"  margin      {points(margin)}: a pass rules out a loss of so much")
    say(f"  discordant  {percent(discordant)} of the samples are answered right by one side only")
    if wish.deff > 1:
        say(
            f"  clusters    {n:,} samples say as much as {n / wish.deff:,.0f} independent ones "
            f"(design effect {wish.deff:.2f})"
        )
    say(f"  at least    {wish.least(margin):,} samples, even if not one answer differed")
    worse = [wish.chance(margin, discordant, n, -loss) for loss in (margin, min(2 * margin, 1))]
    say(
        f"  false pass  {percent(worse[0])}: how often a candidate that loses {points(margin)} "
        f"passes; twice as much: {percent(worse[1])}"
    )


def _tell_sequential(wish: Wish, margin: float, discordant: float, n: int) -> None:
    from pytest_vlm.stats.planning import n_least_anytime
    from pytest_vlm.stats.power import anytime_verdicts

    soonest = math.ceil(wish.deff * n_least_anytime(margin=margin, alpha=wish.alpha))
    chance, used = anytime_verdicts(
        n=max(int(n / wish.deff), 1), margin=margin, discordant=discordant, alpha=wish.alpha
    )
    say()
    say("With an early stop (anytime), looking as often as you like:")
    say(f"  soonest     after {soonest:,} samples, if not one answer differed")
    say(f"  usually     {wish.deff * used:,.0f} of {n:,} samples are asked, on average")
    say(f"  chance      {percent(chance)} of a pass of one claim within {n:,} samples")


def _table_of_samples(wish: Wish, discordant: float) -> None:
    say(f"Samples for {wish.all_claims}, by how often a candidate as good as the baseline passes:")
    rows = [
        [f"{wish.samples(margin, discordant, power):,}" for power in POWERS] for margin in MARGINS
    ]
    table(["margin", *(f"{100 * power:g} %" for power in POWERS)], MARGINS, rows)


def _table_of_chances(wish: Wish, discordant: float, n: int) -> None:
    say(f"Chance of a pass with {n:,} samples:")
    chances = [wish.chance(margin, discordant, n) for margin in MARGINS]
    rows = [[percent(one)] + [percent(wish.all(one))] * (wish.claims > 1) for one in chances]
    table(["margin", "one claim", f"all {wish.claims}"][: 1 + len(rows[0])], MARGINS, rows)


def _wish(options: argparse.Namespace) -> Wish:
    from pytest_vlm.stats.power import expected_deff

    size = 1.0
    if options.cluster_size is not None:
        size = number(options, "cluster_size", 1, 1e6, "a number of questions from 1 on, such as 5")
    return Wish(
        claims=count(options, "claims"),
        power=number(options, "power", 0.5, 0.9999, "a chance from 0.5 to 0.9999, such as 0.8"),
        alpha=number(options, "alpha", 1e-6, 0.4999, "an error rate below 0.5, such as 0.05"),
        deff=expected_deff(size),
    )
