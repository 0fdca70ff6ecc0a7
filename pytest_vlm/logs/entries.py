"""What every tool's log comes down to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import TypeGuard

from pytest_vlm.errors import LogError
from pytest_vlm.evaluation.predictions import Completion, FinishReason, Prediction
from pytest_vlm.evaluation.samples import Message, Sample, Text

LARGEST_NUMBER = 1e300


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a log: one or several answers to one question.

    Attributes:
        where: it stands: file and line.
        id: of the question.
        question: in words.
        targets: accepted answers.
        answers: what was answered, before any score looked at it; none where nothing came.
        choices: the options, where there are any.
        recorded: what the tool's own metrics said, as far as they are numbers.
        finish_reason: of the answers.
        cluster: questions of one cluster are not independent; empty where nothing is known.
        document: digest of the dataset's row, which no prompt template changes; empty where the
            log does not say.
        repeat: which time the question was asked (an epoch, a draw).
    """

    where: str
    id: str
    question: str
    targets: tuple[str, ...]
    answers: tuple[str, ...]
    choices: tuple[str, ...] = ()
    recorded: Mapping[str, float] = field(default_factory=dict)
    finish_reason: FinishReason = "stop"
    cluster: str = ""
    document: str = ""
    repeat: int = 0


@dataclass(frozen=True, kw_only=True)
class LoggedAnswers:
    """One checkpoint's answers, from a log.

    Attributes:
        name: of the checkpoint.
        tool: whose log it was.
        samples: what was asked, in the order of the log.
        predictions: sample i's answers.
        recorded: metric to sample i's value, None where the log has none.
        documents: digest of sample i's row in the dataset, empty where the log does not say.
    """

    name: str
    tool: str
    samples: tuple[Sample, ...]
    predictions: tuple[Prediction, ...]
    recorded: Mapping[str, tuple[float | None, ...]]
    documents: tuple[str, ...]

    @classmethod
    def of(cls, name: str, tool: str, entries: Iterable[Entry]) -> LoggedAnswers:
        """Several answers to one question are its completions; their metrics are averaged.

        Raises:
            LogError: entries of one id with different questions, one entry twice, or none at all.
        """
        asked: dict[str, dict[int, Entry]] = {}
        for entry in entries:
            known = asked.setdefault(entry.id, {})
            first = next(iter(known.values()), entry)
            if (first.question, first.targets) != (entry.question, entry.targets):
                raise LogError(
                    f"{entry.where}: another question with the id {entry.id!r} stands in "
                    f"{first.where}; is it the log of several tasks? Give the file of one"
                )
            if entry.repeat in known:
                raise LogError(
                    f"{entry.where}: the id {entry.id!r} stands there again, first in "
                    f"{known[entry.repeat].where}; is it the log of several runs, or of several "
                    "filters? Give the file of one"
                )
            known[entry.repeat] = entry
        if not asked:
            raise LogError(f"{name} holds no samples")
        groups = [tuple(known.values()) for known in asked.values()]
        metrics = dict.fromkeys(m for group in groups for entry in group for m in entry.recorded)
        return cls(
            name=name,
            tool=tool,
            samples=tuple(_sample(group[0]) for group in groups),
            predictions=tuple(_prediction(group) for group in groups),
            recorded={m: tuple(_mean(m, group) for group in groups) for m in metrics},
            documents=tuple(group[0].document for group in groups),
        )


def numbers(values: Mapping[str, object]) -> dict[str, float]:
    """Those that are finite numbers; of an object the numbers in it, as ``metric.part``."""
    found: dict[str, float] = {}
    for name, value in values.items():
        parts = {"": value}
        if isinstance(value, dict):
            parts = {f".{part}": inner for part, inner in value.items()}
        for part, number in parts.items():
            if _is_number(number) and not part.endswith("_id"):
                found[f"{name}{part}"] = float(number)
    return found


def _is_number(value: object) -> TypeGuard[int | float]:
    """Neither NaN nor infinity, and no integer that is too large for a float."""
    return isinstance(value, int | float) and abs(value) < LARGEST_NUMBER


def _sample(entry: Entry) -> Sample:
    message = Message(role="user", parts=(Text(text=entry.question),))
    return Sample(
        id=entry.id,
        messages=(message,),
        targets=entry.targets,
        choices=entry.choices,
        cluster=entry.cluster or entry.id,
    )


def _prediction(group: Collection[Entry]) -> Prediction:
    completions = [
        Completion.parse(answer, finish_reason=reason, tokens=0, seed=number)
        for number, (answer, reason) in enumerate(said for entry in group for said in _said(entry))
    ]
    return Prediction(sample_id=next(iter(group)).id, completions=tuple(completions))


def _said(entry: Entry) -> list[tuple[str, FinishReason]]:
    if not entry.answers:
        return [("", "error")]
    return [(answer, entry.finish_reason) for answer in entry.answers]


def _mean(metric: str, group: Collection[Entry]) -> float | None:
    values = [entry.recorded.get(metric) for entry in group]
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None
