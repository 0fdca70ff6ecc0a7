"""Which samples are answered together: a function of the dataset and the batch size, only."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.evaluation.batch_plan import plan_batches
from pytest_vlm.evaluation.samples import Image, Message, Sample, Text


def ask(texts: Sequence[str], images: Sequence[int] = ()) -> list[Sample]:
    return [
        Sample(
            id=str(i),
            messages=(
                Message(
                    role="user",
                    parts=(
                        *(Image(source=bytes([k])) for k in range(images[i] if images else 0)),
                        Text(text=text),
                    ),
                ),
            ),
        )
        for i, text in enumerate(texts)
    ]


texts = st.lists(st.text("ab", max_size=5), min_size=1, max_size=40)


@given(texts, st.integers(1, 12))
def test_every_sample_is_in_exactly_one_full_batch(texts, size):
    plan = plan_batches(ask(texts), size)
    assert sorted(i for batch in plan.batches for i in batch) == list(range(len(texts)))
    assert all(len(batch) == size for batch in plan.batches[:-1])
    assert 1 <= len(plan.batches[-1]) <= size


@given(texts, st.integers(1, 12))
def test_one_dataset_has_one_plan(texts, size):
    assert plan_batches(ask(texts), size) == plan_batches(ask(texts), size)


def test_prompts_of_one_length_come_together_in_the_order_of_the_dataset():
    plan = plan_batches(ask(["long one", "b", "long two", "a"]), 2)
    assert plan.batches == ((1, 3), (0, 2))


def test_prompts_with_as_many_pictures_come_together():
    plan = plan_batches(ask(["a", "bbb", "c", "ddd"], images=[2, 1, 2, 1]), 2)
    assert plan.batches == ((1, 3), (0, 2))


def test_digest_changes_with_content_order_and_batch_size():
    plans = [
        plan_batches(ask(["a", "b", "c", "d"]), 2),
        plan_batches(ask(["a", "b", "c", "e"]), 2),
        plan_batches(ask(["b", "a", "c", "d"]), 2),
        plan_batches(ask(["a", "b", "c", "d"]), 3),
        plan_batches(ask(["a", "b", "c", "d"]), 4),
    ]
    assert len({plan.digest for plan in plans}) == len(plans)


def test_digest_is_that_of_the_arrangement_alone():
    one = ask(["a", "b"])
    other = [Sample(id=f"x{s.id}", messages=s.messages, targets=("7",)) for s in one]
    assert plan_batches(one, 2).digest == plan_batches(other, 2).digest
