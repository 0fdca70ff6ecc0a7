"""What ``vlm_requires`` may ask for, and why a run may not have it."""

from __future__ import annotations

from collections.abc import Callable

from pytest_vlm.errors import RelevanceUnavailable, SettingsError
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.samples import Sample


def missing_requirement(
    requirement: str,
    *,
    samples: Callable[[], Dataset],
    app: bool,
    try_relevance: Callable[[Sample], object],
) -> str:
    """Why the run cannot meet a requirement; empty where it can.

    Args:
        requirement: ``relevance``, ``regions``, ``targets``, ``app`` or ``tag:NAME``.
        samples: gives the dataset.
        app: whether an app is configured.
        try_relevance: makes a sample's map with the baseline; only its lack of any excuses a test.

    Raises:
        SettingsError: an unknown requirement.
    """
    match requirement.partition(":"):
        case ("tag", ":", tag) if tag:
            return "" if samples().tagged(tag) else f"no sample carries the tag {tag!r}"
        case ("regions", "", ""):
            return "" if samples().with_regions() else "no sample carries a region"
        case ("targets", "", ""):
            known = any(sample.targets for sample in samples())
            return "" if known else "no sample carries a target"
        case ("app", "", ""):
            return "" if app else "no app is configured (--vlm-app or --vlm-app-url)"
        case ("relevance", "", ""):
            pictured = [sample for sample in samples() if sample.frames]
            if not pictured:
                return "no sample carries a picture"
            reasons = [_reason(try_relevance, sample) for sample in _spread(pictured)]
            if not all(reasons):
                return ""
            return f"the baseline has no relevance maps: {reasons[0]}"
    raise SettingsError(
        f"vlm_requires({requirement!r}) is unknown; "
        "known are 'relevance', 'regions', 'targets', 'app' and 'tag:NAME'"
    )


def _spread(samples: list[Sample]) -> list[Sample]:
    """The first, the middle and the last: one awkward picture excuses nothing."""
    return [samples[place] for place in sorted({0, len(samples) // 2, len(samples) - 1})]


def _reason(try_relevance: Callable[[Sample], object], sample: Sample) -> str:
    try:
        try_relevance(sample)
    except RelevanceUnavailable as error:
        return str(error)
    return ""
