"""What a run found, as plain values that survive JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from pytest_vlm.kinds import Better

ANSWERING = "answering"
ANCHORED = ("not_worse", "equivalent")
GateVerdict = Literal["SHIP", "HOLD", "INCONCLUSIVE", "PARTIAL"]


@dataclass(frozen=True, kw_only=True)
class ClaimRecord:
    """One claim about one candidate.

    Attributes:
        id: test and position of the claim in it.
        result: fields of the comparison's result; empty where nothing was compared.
        verdict: ``pass`` | ``fail`` | ``inconclusive`` | ``reported`` (numbers without a claim).
        unusable: side to kind (truncated, empty, error) to count.
        evidence: file in the run's folder with the flipped samples; empty without any.
        anchor: whether the baseline is the run's anchor; such a claim accompanies another one.
        slices: of the samples that changed, those that stand out (see `stats.slices`).
        degraded: how both sides were asked otherwise than wanted, since memory ran out; empty where
            it did not.
        of_maps: whether it is where a checkpoint looks that was judged, and not what it answers.
    """

    id: str
    test: str
    candidate: str
    baseline: str
    score: str
    claim: str
    verdict: str
    sentence: str
    result: Mapping[str, Any] = field(default_factory=dict)
    unusable: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    evidence: str = ""
    anchor: bool = False
    slices: tuple[Mapping[str, Any], ...] = ()
    degraded: str = ""
    of_maps: bool = False


@dataclass(frozen=True, kw_only=True)
class GoldenMeasure:
    """One number of a comparison with a golden, beside its limit.

    Attributes:
        limit: None where the number is reported and decides nothing.
        better: ``higher``: the limit is the least value that passes; ``lower``: the largest.
    """

    name: str
    value: float
    limit: float | None = None
    better: Better = "higher"

    @property
    def holds(self) -> bool:
        """Whether the value keeps its limit; without one it decides nothing, NaN keeps none."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.better == "higher" else self.value <= self.limit


@dataclass(frozen=True, kw_only=True)
class GoldenRecord:
    """One golden against one candidate's map or picture.

    Attributes:
        verdict: ``pass`` | ``fail`` | ``missing`` | ``accepted``.
        subject: ``map`` | ``image``.
        variant: device and dtype of the accepted golden that it was compared with, e.g.
            ``cuda bfloat16``; empty without one.
        measures: the numbers, those that decide first.
        evidence: file in the run's folder with the pictures; empty without any.
        accept: the command that accepts the new one; empty where there is nothing to accept.
    """

    test: str
    candidate: str
    golden: str
    verdict: str
    sentence: str
    subject: Literal["map", "image"] = "map"
    variant: str = ""
    measures: tuple[GoldenMeasure, ...] = ()
    evidence: str = ""
    accept: str = ""


@dataclass(frozen=True, kw_only=True)
class MemoryRecord:
    """What a test took, or kept, of a device's memory.

    Attributes:
        measure: ``peak`` above the start, or ``leak``: what was still in use after the test.
        bytes: None where not measured.
        limit: bytes; None without one.
        test: its node id, or `ANSWERING` for what was measured on the way: a checkpoint that is
            asked first looks dearer there, because libraries make their pools.
        parts: of a peak, bytes by what they are; an estimate says so in its name.
        figures: what else the device tells, in bytes; for information.
        kept: of a leak, what is still there, and what holds it.
        moments: where the limit did not hold, what happened: until ``seconds``, ``what``
            went on; then ``bytes`` were in use, and the ``peak`` so far.
    """

    test: str
    checkpoint: str
    device: str
    bytes: int | None
    limit: int | None
    within: bool
    measure: str = "peak"
    parts: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, int] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    moments: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True)
class SpeedRecord:
    """How long one checkpoint took to answer; reported, not gated.

    Attributes:
        samples: that were answered in this run.
        reused: answers that were known from earlier runs.
        visual_tokens: of both.
        id: tells equal figures of two occasions apart.
    """

    checkpoint: str
    samples: int
    seconds: float
    new_tokens: int
    visual_tokens: int
    reused: int = 0
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class AbsenceRecord:
    """A claim that was not made, and why it could not be."""

    test: str
    checkpoint: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class EventRecord:
    """Something that happened on the way and that a reviewer should know."""

    checkpoint: str
    event: str


Record = ClaimRecord | GoldenRecord | MemoryRecord | SpeedRecord | AbsenceRecord | EventRecord

KINDS: Mapping[str, type[Record]] = {kind.__name__: kind for kind in get_args(Record)}


def dump_record(record: Record) -> str:
    """A record as one line of JSON that knows its kind."""
    return json.dumps({"kind": type(record).__name__, **asdict(record)})


def load_record(text: str) -> Record:
    """The inverse of `dump_record`."""
    fields = json.loads(text)
    kind = KINDS[fields.pop("kind")]
    for name in fields.keys() & {"warnings", "slices"}:
        fields[name] = tuple(fields[name])
    if "measures" in fields:
        fields["measures"] = tuple(GoldenMeasure(**measure) for measure in fields["measures"])
    return kind(**fields)


@dataclass(frozen=True, kw_only=True)
class CheckpointSummary:
    """One side of the run, from its files."""

    name: str
    source: str
    architecture: str = ""
    parameters: int = 0
    bytes: int = 0
    dtypes: tuple[str, ...] = ()
    fingerprint: str = ""


@dataclass(frozen=True, kw_only=True)
class CandidateVerdict:
    """The gate's decision on one candidate.

    Attributes:
        reasons: what speaks against shipping, in order of weight; empty for SHIP.
        shown: what was shown in its favour.
        not_claimed: what could not be claimed, and why.
        family: the claims of the run as one family: how many ``claims`` of how many
            ``candidates``, at which ``alpha``, and the ``pass_rate`` of an identical candidate
            that changes as many answers as this ``candidate``.
    """

    candidate: str
    baseline: str
    verdict: GateVerdict
    reasons: tuple[str, ...]
    shown: tuple[str, ...] = ()
    not_claimed: tuple[str, ...] = ()
    family: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """Everything a renderer needs.

    Attributes:
        command: the command line to run it again.
        created: UTC date and time.
        samples: what was asked, in words.
        versions: library to version.
        attempts: earlier runs on the same samples, and this one (see `pytest_run.ledger`).
    """

    command: str
    created: str
    samples: str
    versions: Mapping[str, str]
    checkpoints: tuple[CheckpointSummary, ...]
    verdicts: tuple[CandidateVerdict, ...]
    records: tuple[Record, ...]
    attempts: tuple[Mapping[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data: what ``run.json`` holds."""
        content = asdict(self)
        content["records"] = [json.loads(dump_record(record)) for record in self.records]
        return content
