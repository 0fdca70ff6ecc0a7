"""``plan --pilot``: what the given checkpoints do with a few samples, and what follows from it."""

from __future__ import annotations

import argparse
import math
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_vlm.commands.asking import Measured, Questions, choose_questions, measure
from pytest_vlm.commands.margins import MARGINS, percent, points, table
from pytest_vlm.commands.numbers import count, margin_of
from pytest_vlm.commands.saying import say
from pytest_vlm.commands.wish import Wish
from pytest_vlm.errors import SettingsError
from pytest_vlm.progress import bar_text

if TYPE_CHECKING:
    from pytest_vlm.evaluation.dataset import Dataset
    from pytest_vlm.protocols import Progress
    from pytest_vlm.scores.score import Score

FEW_CLUSTERS = 10
USUAL_MARGIN = 0.05


def run_pilot(options: argparse.Namespace, wish: Wish) -> int:
    """Ask, and say what a gate would need.

    Raises:
        VlmError: checkpoints, samples or a score that are not usable, or nothing was answered.
    """
    from pytest_vlm.session import Session
    from pytest_vlm.settings import GenerationSettings, Settings

    score = _score(options.score)
    if options.vlm_samples is None:
        raise SettingsError("a pilot asks some of your samples; add --vlm-samples FILE")
    if len(options.checkpoint) != 2:
        raise SettingsError(
            f"a pilot asks a baseline and a candidate, {len(options.checkpoint)} checkpoints were "
            "given; write --checkpoint A=... --checkpoint B=..."
        )
    for name in ("discordant", "cluster_size", "samples"):
        if getattr(options, name) is not None:
            option = name.replace("_", "-")
            raise SettingsError(f"--{option} is what a pilot measures; leave it out")
    pilot = count(options, "pilot")
    margin = None if options.margin is None else margin_of(options)
    settings = Settings(
        checkpoints=tuple(options.checkpoint),
        engine=options.vlm_engine,
        no_cache=True,  # an answer that is known says nothing of the time it takes
        generation=GenerationSettings(
            max_new_tokens=count(options, "vlm_max_new_tokens"),
            batch_size=count(options, "vlm_batch_size"),
            system_prompt=options.vlm_system_prompt,
        ),
    )
    progress = _progress()
    with Session(settings, progress=progress) as session:
        session.preflight()
        session.check_comparable(session.candidates[0])
        questions = choose_questions(_open(options), score, pilot, progress)
        measured = measure(session, questions.chosen, score)
    _tell_measured(questions, measured, score)
    forecast = Forecast.of(replace(wish, deff=questions.deff), measured, score)
    _tell_forecast(forecast, questions, measured, margin)
    return 0


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the pilot says of a gate.

    Attributes:
        wish: of the gate, with the design effect of the whole file.
        samples: needed for a margin.
        cautious: the same, were the rate at the upper end of its interval.
        chance: that one claim passes at a margin with n samples.
    """

    wish: Wish
    samples: Callable[[float], int]
    cautious: Callable[[float], int]
    chance: Callable[[float, int], float]

    @classmethod
    def of(cls, wish: Wish, measured: Measured, score: Score) -> Forecast:
        """From the discordant rate, or for a bounded score from the standard deviation."""
        if score.kind == "binary":
            rate = measured.discordant / len(measured.differences)
            _, upper = measured.interval
            return cls(
                wish=wish,
                samples=lambda margin: wish.samples(margin, rate),
                cautious=lambda margin: wish.samples(margin, upper),
                chance=lambda margin, n: wish.chance(margin, rate, n),
            )
        from statistics import stdev

        from pytest_vlm.stats.power import n_required_of_means, pass_probability_of_means

        low, high = score.bounds
        n = len(measured.differences)
        sd = stdev(measured.differences) if n > 1 else 0.0

        def needed(margin: float, sd: float) -> int:
            return n_required_of_means(
                margin=margin * (high - low),
                sd=sd,
                alpha=wish.alpha,
                power=wish.each(),
                deff=wish.deff,
                reach=high - low,
            )

        return cls(
            wish=wish,
            samples=lambda margin: needed(margin, sd),
            cautious=lambda margin: needed(margin, sd * _upper_factor(n)),
            chance=lambda margin, n: pass_probability_of_means(
                n=n,
                margin=margin * (high - low),
                sd=sd,
                alpha=wish.alpha,
                deff=wish.deff,
                reach=high - low,
            ),
        )


def _score(name: str) -> Score:
    from pytest_vlm.scores.catalogue import find_score

    score = find_score(name)
    if "measurement" in score.needs or score.kind == "positive":
        raise SettingsError(
            f"{name} is measured of whole batches; a pilot plans scores of answers, such as "
            "exact_match"
        )
    return score


def _open(options: argparse.Namespace) -> Dataset:
    from pytest_vlm.data import open_dataset

    source = str(options.vlm_samples)
    root = None if options.vlm_media_root is None else Path(options.vlm_media_root)
    return open_dataset(source if source.startswith("hf:") else Path(source), media_root=root)


def _upper_factor(n: int) -> float:
    """How much larger than the measured one the standard deviation may be (95 %, χ²)."""
    from scipy.stats import chi2

    return math.sqrt((n - 1) / float(chi2.ppf(0.025, n - 1))) if n > 1 else 1.0


def _tell_measured(questions: Questions, measured: Measured, score: Score) -> None:
    asked = len(measured.differences)
    clusters = len({sample.cluster for sample in questions.chosen})
    among = f", on {clusters} of {questions.clusters:,} images" * (questions.deff > 1)
    say(f"Asked: {asked} of {questions.samples:,} samples, chosen at random{among}")
    say()
    width = max(map(len, measured.names))
    for name, mean, speed in zip(measured.names, measured.means, measured.speeds, strict=True):
        rate = "" if speed is None else f", {_rate(speed)} samples a second"
        shown = percent(mean) if score.kind == "binary" else f"{mean:.3g}"
        say(f"  {name:<{width}}  {score.name} {shown}{rate}")
    if score.kind == "binary":
        low, high = measured.interval
        say(
            f"  {'':<{width}}  {measured.discordant} of {asked} are right for one side only: "
            f"{percent(measured.discordant / asked)} (95 % interval {percent(low)} to "
            f"{percent(high)})"
        )
    if questions.deff > 1:
        say(
            f"  {'':<{width}}  several questions about one image: {questions.samples:,} samples "
            f"count as {questions.samples / questions.deff:,.0f}"
        )
    if questions.deff > 1 and clusters < FEW_CLUSTERS:
        say(
            f"warning: {clusters} images are few to measure anything; ask more: --pilot "
            f"{2 * asked}",
            {"yellow": True},
        )
    if measured.means[0] in score.bounds:
        say(
            "warning: the baseline gets everything or nothing; such samples tell no checkpoints "
            "apart",
            {"yellow": True},
        )


def _rate(speed: float) -> str:
    return f"{speed:,.0f}" if speed >= 10 else f"{speed:.2g}"


def _tell_forecast(
    forecast: Forecast, questions: Questions, measured: Measured, margin: float | None
) -> None:
    wish, n = forecast.wish, questions.samples
    margins = sorted({*MARGINS, *([] if margin is None else [margin])})
    say()
    say(
        f"So that a candidate as good as the baseline passes {wish.all_claims} in "
        f"{percent(wish.power)} of the runs:"
    )
    rows = []
    for one in margins:
        needed = forecast.samples(one)
        rows.append(
            [
                f"{needed:,}",
                f"{forecast.cautious(one):,}",
                measured.minutes(needed),
                percent(wish.all(forecast.chance(one, n))),
            ]
        )
    table(["margin", "samples", "to be safe", "minutes", f"pass with {n:,}"], margins, rows)
    say()
    chosen = USUAL_MARGIN if margin is None else margin
    decided = wish.all(forecast.chance(chosen, n))
    more = f", for all {wish.claims} claims," * (wish.claims > 1)
    say(
        f"The file has {n:,} samples: a margin of {points(chosen)} will be decided in "
        f"{percent(decided)} of the runs{more} of an identical candidate.",
        {"bold": True},
    )


def _progress() -> Progress:
    """Draws on a terminal and nowhere else."""
    stream = sys.stderr

    def show(
        what: str, done: int, total: int, memory: int | None = None, unit: str = "samples"
    ) -> None:
        if not stream.isatty():
            return
        columns = shutil.get_terminal_size().columns
        line = bar_text(what, done, total)[: columns - 1]
        stream.write(f"\r\x1b[K{line if done < total else ''}")
        stream.flush()

    return show
