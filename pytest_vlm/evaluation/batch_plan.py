"""Which samples are answered together: a function of dataset and settings, nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_vlm.evaluation.samples import Sample


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """Positions of the samples, batch by batch, and the digest of that arrangement."""

    batches: tuple[tuple[int, ...], ...]
    digest: str


def plan_batches(samples: Sequence[Sample], batch_size: int) -> BatchPlan:
    """Put samples of similar prompt length together, which keeps the padding short.

    The order within equal lengths is that of the dataset, so one dataset has one plan.
    """
    order = sorted(range(len(samples)), key=lambda i: (len(samples[i].frames), _length(samples[i])))
    batches = tuple(
        tuple(order[start : start + batch_size]) for start in range(0, len(order), batch_size)
    )
    content = "|".join(",".join(samples[i].digest for i in batch) for batch in batches)
    return BatchPlan(
        batches=batches, digest=hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
    )


def _length(sample: Sample) -> int:
    return sum(
        len(getattr(part, "text", "")) for message in sample.messages for part in message.parts
    )
