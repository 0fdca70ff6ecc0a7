"""What every tool's log comes down to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean

from pytest_vlm.errors import LogError
from pytest_vlm.evaluation.predictions import Completion, FinishReason, Prediction
from pytest_vlm.evaluation.samples import Message, Sample, Text


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a log: one or several answers to one question.

    Attributes:
        id: of the question.
        question: in words.
        targets: accepted answers.
        answers: what was answered, before any score looked at it.
        choices: the options, where there are any.
        recorded: what the tool's own metrics said, as far as they are numbers.
        finish_reason: of the answers.
        cluster: questions of one cluster are not independent; the id where nothing is known.
    """

    id: str
    question: str
    targets: tuple[str, ...]
    answers: tuple[str, ...]
    choices: tuple[str, ...] = ()
    recorded: Mapping[str, float] = field(default_factory=dict)
    finish_reason: FinishReason = "stop"
    cluster: str = ""


@dataclass(frozen=True, kw_only=True)
class LoggedAnswers:
    """One checkpoint's answers, from a log.

    Attributes:
        name: of the checkpoint.
        tool: whose log it was.
        samples: what was asked, in the order of the log.
        predictions: sample i's answers.
        recorded: metric to sample i's value, None where the log has none.
    """

    name: str
    tool: str
    samples: tuple[Sample, ...]
    predictions: tuple[Prediction, ...]
    recorded: Mapping[str, tuple[float | None, ...]]

    @classmethod
    def of(cls, name: str, tool: str, entries: Iterable[Entry]) -> LoggedAnswers:
        """Entries of one id are several answers to one question; their metrics are averaged.

        Raises:
            LogError: entries of one id with different questions, or no entry.
        """
        repeated: dict[str, list[Entry]] = {}
        for entry in entries:
            known = repeated.setdefault(entry.id, [])
            if known and (known[0].question, known[0].targets) != (entry.question, entry.targets):
                raise LogError(
                    f"{name}: two different questions have the id {entry.id!r}; "
                    "is it the log of several tasks?"
                )
            known.append(entry)
        if not repeated:
            raise LogError(f"{name} holds no samples")
        metrics = dict.fromkeys(m for group in repeated.values() for e in group for m in e.recorded)
        return cls(
            name=name,
            tool=tool,
            samples=tuple(_sample(group[0]) for group in repeated.values()),
            predictions=tuple(_prediction(group) for group in repeated.values()),
            recorded={
                metric: tuple(_mean(metric, group) for group in repeated.values())
                for metric in metrics
            },
        )


def numbers(values: Mapping[str, object]) -> dict[str, float]:
    """Those that are numbers."""
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


def _sample(entry: Entry) -> Sample:
    message = Message(role="user", parts=(Text(text=entry.question),))
    return Sample(
        id=entry.id,
        messages=(message,),
        targets=entry.targets,
        choices=entry.choices,
        cluster=entry.cluster or entry.id,
    )


def _prediction(entries: Iterable[Entry]) -> Prediction:
    completions = [
        Completion.parse(answer, finish_reason=entry.finish_reason, tokens=0, seed=number)
        for entry in entries
        for number, answer in enumerate(entry.answers)
    ]
    return Prediction(sample_id=next(iter(entries)).id, completions=tuple(completions))


def _mean(metric: str, entries: list[Entry]) -> float | None:
    values = [entry.recorded.get(metric) for entry in entries]
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None
