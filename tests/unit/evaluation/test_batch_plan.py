"""Which samples are answered together: a function of the dataset and the settings, only."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.evaluation.batch_plan import LOOK, plan_batches
from pytest_vlm.evaluation.samples import Image, Message, Sample, Text
from pytest_vlm.settings import GenerationSettings


def ask(texts: Sequence[str], images: Sequence[tuple[bytes, ...]] = ()) -> list[Sample]:
    samples = []
    for i, text in enumerate(texts):
        shown = tuple(Image(source=source) for source in images[i]) if images else ()
        message = Message(role="user", parts=(*shown, Text(text=text)))
        samples.append(Sample(id=str(i), messages=(message,), cluster="c"))
    return samples


def plan(samples, size=2, **settings):
    return tuple(plan_batches(samples, GenerationSettings(batch_size=size, **settings)))


def positions(batches):
    return tuple(batch.positions for batch in batches)


texts = st.lists(st.text("ab", max_size=20), min_size=1, max_size=40)


@given(texts, st.integers(1, 12))
def test_every_sample_is_in_exactly_one_full_batch(texts, size):
    batches = positions(plan(ask(texts), size))
    assert sorted(i for batch in batches for i in batch) == list(range(len(texts)))
    assert all(len(batch) == size for batch in batches[:-1])
    assert 1 <= len(batches[-1]) <= size


@given(texts, st.integers(1, 12))
def test_one_dataset_has_one_plan(texts, size):
    assert plan(ask(texts), size) == plan(ask(texts), size)


def test_prompts_of_one_length_come_together_in_the_order_of_the_dataset():
    batches = plan(ask(["x" * 40, "b", "y" * 40, "a"]))
    assert positions(batches) == ((1, 3), (0, 2))


def test_pictures_of_one_size_come_together(picture):
    small, large = picture((56, 56)), picture((560, 560))
    other = picture((560, 560), seed=1)
    batches = plan(ask("abcd", [(large,), (small,), (other,), (small,)]))
    assert positions(batches) == ((1, 3), (0, 2))


def test_questions_about_one_picture_come_together_though_their_lengths_differ(picture):
    one, other = picture(seed=0), picture(seed=1)
    words = ["a", "b" * 50, "c" * 50, "d"]
    assert positions(plan(ask(words, [(one,), (other,), (one,), (other,)]))) == ((0, 2), (3, 1))


def test_a_batch_ends_before_it_has_too_many_tokens(picture):
    image = picture((280, 280))  # about 100 tokens
    samples = ask("abcdef", [(image,)] * 6)
    assert [len(b) for b in positions(plan(samples, 16, batch_tokens=250))] == [2, 2, 2]


def test_a_sample_that_is_too_large_for_any_batch_has_one_of_its_own(picture):
    samples = ask("ab", [(picture((280, 280)),), (picture((280, 280), seed=1),)])
    assert [len(b) for b in positions(plan(samples, 16, batch_tokens=1))] == [1, 1]


def test_a_broken_picture_has_a_place_in_the_plan(picture):
    samples = ask("ab", [(b"no picture",), (picture(),)])
    assert sorted(i for batch in positions(plan(samples)) for i in batch) == [0, 1]


def test_samples_are_sorted_within_a_look_only():
    samples = ask(["long" * 20, *["x"] * LOOK])
    batches = positions(plan(samples, 16))
    assert LOOK in batches[-1]
    assert 0 in batches[LOOK // 16 - 1]


@pytest.mark.parametrize(
    ("words", "size"), [("abce", 2), ("bacd", 2), ("abcd", 3)], ids=["content", "order", "size"]
)
def test_the_digest_is_of_what_a_batch_asks_in_its_order(words, size):
    first = {batch.digest for batch in plan(ask("abcd"))}
    other = {batch.digest for batch in plan(ask(words), size)}
    assert not first <= other


def test_what_a_sample_is_called_and_answered_does_not_matter():
    samples = ask("ab")
    renamed = [Sample(id=f"x{s.id}", messages=s.messages, targets=("7",)) for s in samples]
    assert plan(samples) == plan(renamed)


def test_a_longer_dataset_keeps_the_batches_of_its_first_looks():
    samples = ask([f"{number:04}" for number in range(LOOK + 5)])
    assert plan(samples[:LOOK], 16) == plan(samples, 16)[: LOOK // 16]
