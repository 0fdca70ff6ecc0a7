"""Whether an engine gave what it was asked for: it may be anybody's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import EngineError
from pytest_vlm.evaluation.predictions import Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap

T = TypeVar("T")


def paired(
    spec: CheckpointSpec, asked: Sequence[T], replies: Iterable[list[Prediction]]
) -> Iterator[tuple[T, list[Prediction]]]:
    """Each batch with its reply.

    Raises:
        EngineError: there are fewer replies than batches, or more.
    """
    stream = iter(replies)
    for number, one in enumerate(asked):
        try:
            reply = next(stream)
        except StopIteration:
            raise EngineError(
                f"{spec}: its engine answered {number} of {len(asked)} batches; predict gives one "
                "list for each batch, in order"
            ) from None
        yield one, reply
    for _ in stream:
        raise EngineError(
            f"{spec}: its engine gave more than the {len(asked)} lists of answers that there are "
            "batches; predict gives one list for each batch, in order"
        )


def check_answers(
    spec: CheckpointSpec, samples: Sequence[Sample], reply: Sequence[Prediction], completions: int
) -> None:
    """Refuse what would be counted as the answer to another sample, or as too few draws.

    Args:
        spec: who was asked.
        samples: what it was asked.
        reply: to them.
        completions: how many each answer has; one that failed may have fewer.

    Raises:
        EngineError: other than one prediction a sample, in order.
    """
    _check_list(spec, "predict", samples, reply, Prediction)
    for sample, prediction in zip(samples, reply, strict=True):
        if prediction.sample_id != sample.id:
            raise EngineError(
                f"{spec}: its engine answered {prediction.sample_id!r} in the place of "
                f"{sample.id!r}; predict answers a batch's samples in order, each under its id"
            )
        drawn = len(prediction.completions)
        if drawn != completions and not (drawn and prediction.unusable == "error"):
            raise EngineError(
                f"{spec}: its engine gave {sample.id!r} {drawn} completions, {completions} were "
                "asked for; look at settings.completions"
            )


def check_maps(spec: CheckpointSpec, samples: Sequence[Sample], reply: Sequence[Heatmap]) -> None:
    """Refuse maps that are not of these samples' pictures.

    Raises:
        EngineError: other than one map a sample, or cells in pictures that a sample does not have.
    """
    _check_list(spec, "relevance", samples, reply, Heatmap)
    for sample, heatmap in zip(samples, reply, strict=True):
        there = len(sample.media)
        if there and not (heatmap.media.min() >= 0 and heatmap.media.max() < there):
            raise EngineError(
                f"{spec}: its engine gave {sample.id!r} a map with cells in the pictures "
                f"{heatmap.media.min()} to {heatmap.media.max()}; it has {there}, counted from 0"
            )


def _check_list(
    spec: CheckpointSpec, method: str, samples: Sequence[Sample], reply: object, kind: type
) -> None:
    wanted = f"{method} gives a list of one {kind.__name__} for each sample, in order"
    if not isinstance(reply, list | tuple):
        raise EngineError(f"{spec}: its engine's {method} gave {_name(reply)}; {wanted}")
    if len(reply) != len(samples):
        raise EngineError(
            f"{spec}: its engine's {method} gave {len(reply)} for {len(samples)} samples; {wanted}"
        )
    strange = next((one for one in reply if not isinstance(one, kind)), None)
    if strange is not None:
        raise EngineError(f"{spec}: its engine's {method} gave {_name(strange)}; {wanted}")


def _name(value: object) -> str:
    return f"a {type(value).__name__}"
