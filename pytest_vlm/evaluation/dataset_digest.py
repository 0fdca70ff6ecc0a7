"""A name for what a dataset asks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.samples import Sample


def dataset_digest(samples: Iterable[Sample]) -> str:
    """What the samples ask, whatever their order, ids and labels. 32 hexadecimal digits.

    A picture that cannot be read stands in by its sample's id, because the digest of such a sample
    is another one in each run.
    """
    asked = sorted(map(_asked, samples))
    return hashlib.blake2b(
        "\n".join(asked).encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()


def _asked(sample: Sample) -> str:
    try:
        for frame in sample.frames:
            frame.digest  # noqa: B018 - reads the file
    except SamplesError:
        return f"unreadable {sample.id}"
    return sample.digest
