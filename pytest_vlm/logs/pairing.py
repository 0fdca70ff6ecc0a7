"""Two logs, answer by answer: the same questions, or a refusal that says what differs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pytest_vlm.errors import LogError
from pytest_vlm.logs.entries import LoggedAnswers

EXAMPLES = 3
WORDS = {"targets": "targets", "query": "questions", "choices": "options"}


@dataclass(frozen=True, kw_only=True)
class PairedLogs:
    """Position i of both is the same question.

    Attributes:
        left_out: questions that only one of them answers.
        reworded: questions that were put in other words, though the dataset's rows are the same.
    """

    baseline: LoggedAnswers
    candidate: LoggedAnswers
    left_out: int
    reworded: int


def pair_logs(
    baseline: LoggedAnswers, candidate: LoggedAnswers, *, only_shared: bool = False
) -> PairedLogs:
    """Pair by id.

    Args:
        baseline: one log.
        candidate: the other.
        only_shared: leave out what only one of them has; otherwise that is refused.

    Raises:
        LogError: questions that only one has, or that differ under one id.
    """
    places = {sample.id: i for i, sample in enumerate(candidate.samples)}
    shared = [i for i, sample in enumerate(baseline.samples) if sample.id in places]
    left_out = len(baseline.samples) + len(candidate.samples) - 2 * len(shared)
    if left_out and not only_shared:
        raise LogError(
            f"{_unpaired(baseline, candidate)}{_unpaired(candidate, baseline)}"
            "the logs are not of the same questions; add --only-shared to compare the "
            f"{len(shared)} that both have"
        )
    if not shared:
        raise LogError(f"{baseline.name} and {candidate.name} have no question in common")
    there = [places[baseline.samples[i].id] for i in shared]
    reworded = 0
    for i, k in zip(shared, there, strict=True):
        one, other = baseline.samples[i], candidate.samples[k]
        same_row = bool(baseline.documents[i]) and baseline.documents[i] == candidate.documents[k]
        reworded += one.query != other.query
        for what in ("targets", "choices") if same_row else ("targets", "query", "choices"):
            if getattr(one, what) != getattr(other, what):
                raise LogError(
                    f"{one.id} has different {WORDS[what]}: {_short(getattr(one, what))} in "
                    f"{baseline.name}, {_short(getattr(other, what))} in {candidate.name}; "
                    "compare logs of one version of one dataset and prompt"
                )
    return PairedLogs(
        baseline=_chosen(baseline, shared),
        candidate=_chosen(candidate, there),
        left_out=left_out,
        reworded=reworded,
    )


def _chosen(log: LoggedAnswers, places: list[int]) -> LoggedAnswers:
    return replace(
        log,
        samples=tuple(log.samples[i] for i in places),
        predictions=tuple(log.predictions[i] for i in places),
        recorded={m: tuple(values[i] for i in places) for m, values in log.recorded.items()},
        documents=tuple(log.documents[i] for i in places),
    )


def _unpaired(one: LoggedAnswers, other: LoggedAnswers) -> str:
    known = {sample.id for sample in other.samples}
    alone = [sample.id for sample in one.samples if sample.id not in known]
    if not alone:
        return ""
    more = ", ..." if len(alone) > EXAMPLES else ""
    return f"{len(alone)} samples are only in {one.name} ({', '.join(alone[:EXAMPLES])}{more}); "


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
