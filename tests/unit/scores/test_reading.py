"""Scores with a published definition: ANLS, VQA accuracy, relaxed accuracy, F1, error rates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.scores import (
    anls,
    bleu,
    cer,
    chrf,
    relaxed_accuracy,
    rouge_l,
    token_f1,
    vqa_accuracy,
    wer,
)
from pytest_vlm.scores.vqa import normalize_vqa

BOUNDED = [anls, token_f1, cer, wer, bleu, chrf, rouge_l]
WORDS = st.lists(st.sampled_from(["cat", "dog", "Zug", "кот", "9", "la"]), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("answer", "targets", "value"),
    [
        ("moovi", ["movie"], 0.6),  # two edits of five
        ("MOVIE", ["movie"], 1),
        ("bus", ["train", "buss"], 0.75),
        ("ab", ["ac"], 0),  # exactly half of it is wrong
        ("abc", ["abd"], 2 / 3),
        ("tram", ["bus"], 0),
        ("cafe\u0301", ["caf\u00e9"], 1),
    ],
)
def test_anls(judge, answer, targets, value):
    assert judge(anls, answer, targets=tuple(targets)).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("same", "value"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (9, 1), (10, 1)]
)
def test_vqa_accuracy_leaves_one_annotator_out(judge, same, value):
    """The values of ten annotators that Kafle and Kanan 2017 list."""
    targets = ("red",) * same + tuple(f"other {i}" for i in range(10 - same))
    assert judge(vqa_accuracy, "Red.", targets=targets).value == pytest.approx(value)


def test_vqa_accuracy_needs_annotators(judge):
    value = judge(vqa_accuracy, "red", targets=("red",) * 3)
    assert value.value is None
    assert "at least 4 annotators" in value.reason and "has 3" in value.reason


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("The Dog", "dog"),
        ("Two dogs!", "2 dogs"),
        ("none", "0"),
        ("1,000", "1000"),
        ("red, white", "red white"),
        ("black/white", "black white"),
        ("3.5 m.", "3.5 m"),
        ("dont", "dont"),
        ("don’t", "dont"),
        ("he'll", "he'll"),
        ("hell", "hell"),
        ("a\tdog\n", "dog"),
    ],
)
def test_vqa_normalisation(text, plain):
    assert normalize_vqa(text) == plain


@pytest.mark.parametrize(
    ("answer", "target", "value"),
    [
        ("95", "100", 1),
        ("105", "100", 1),
        ("94.99", "100", 0),
        ("105.01", "100", 0),
        ("1.05", "1", 1),  # though 1.05 - 1 is more than 0.05 in binary
        ("105.1", "100", 0),
        ("-95", "-100", 1),
        ("100", "-100", 0),
        ("45%", "0.45", 1),
        ("45%", "45", 0),
        ("45 %", "46%", 1),
        ("0", "0", 1),
        ("0.001", "0", 0),
        ("1990", "2015", 1),  # as published
        ("1,234", "1234", 0),
        ("Blue", "blue", 1),
        ("blue", "7", 0),
        ("nan", "nan", 1),
        ("inf", "7", 0),
        ("٩٥", "100", 1),
        ("−95", "-100", 1),
    ],
)
def test_relaxed_accuracy(judge, answer, target, value):
    assert judge(relaxed_accuracy, answer, targets=(target,)).value == value


@given(st.floats(-1e9, 1e9).filter(lambda x: abs(x) > 1e-9), st.floats(-0.2, 0.2))
def test_five_percent_of_the_target_are_tolerated(judge, target, off):
    answer = target * (1 + off)
    value = judge(relaxed_accuracy, repr(answer), targets=(repr(target),)).value
    if abs(abs(off) - 0.05) > 1e-6:
        assert value == (abs(off) < 0.05)


@pytest.mark.parametrize(
    ("answer", "targets", "value"),
    [
        ("the cat sat", ["cat sat down"], 0.8),
        ("cat cat", ["cat"], 2 / 3),
        ("The Cat!", ["a cat"], 1),
        ("the", ["a"], 1),
        ("the", ["cat"], 0),
        ("dog", ["cat", "big dog"], 2 / 3),
        ("东京塔", ["东京"], 0.8),
    ],
)
def test_token_f1(judge, answer, targets, value):
    assert judge(token_f1, answer, targets=tuple(targets)).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("score", "answer", "targets", "value"),
    [
        (cer, "hallo", ["hello"], 0.2),
        (cer, "Hello", ["hello"], 0.2),
        (cer, "cafe\u0301", ["caf\u00e9"], 0),
        (cer, "cafe", ["cafe\u0301"], 0.25),
        (cer, "a very long answer", ["a"], 1),
        (cer, "x", ["hello", "xy"], 0.5),
        (wer, "the bat sat", ["the cat sat"], 1 / 3),
        (wer, "the  cat\nsat", ["the cat sat"], 0),
        (wer, "a b c d", ["a"], 1),
        (wer, "东京塔", ["东京"], 1),
        (cer, "", ["hello"], 1),
        (wer, "truncated:hello", ["hello"], 1),
    ],
)
def test_error_rates(judge, score, answer, targets, value):
    assert judge(score, answer, targets=tuple(targets)).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("score", "answer", "targets", "value"),
    [
        # sacrebleu: BLEU of its own documentation's kind of example, checked by hand:
        # 5/6 * 3/5 * 2/4 * 1/3 to the power of 1/4
        (bleu, "the cat sat on a mat", ["the cat sat on the mat"], (5 * 3 * 2 / 360) ** 0.25),
        # longest common subsequence 3 of 4 and 4 words, as in Lin 2004, section 3.1
        (rouge_l, "police kill the gunman", ["police killed the gunman"], 0.75),
        (rouge_l, "the gunman kill police", ["police killed the gunman"], 0.5),
        (rouge_l, "东京塔", ["东京"], 0.8),
        (chrf, "cat", ["cat"], 1),
        (chrf, "xyz", ["cat"], 0),
    ],
)
def test_captions(judge, score, answer, targets, value):
    assert judge(score, answer, targets=tuple(targets)).value == pytest.approx(value)


@pytest.mark.parametrize("score", BOUNDED, ids=lambda score: score.name)
@given(answer=WORDS, target=WORDS)
def test_bounds_and_the_best_value(judge, score, answer, target):
    answer, target = " ".join(answer), " ".join(target)
    best = 0 if score.better == "lower" else 1
    assert judge(score, target, targets=(target,)).value == pytest.approx(best)
    value = judge(score, answer, targets=(target,))
    assert value.reason == ""
    assert 0 <= value.value <= 1


@pytest.mark.parametrize("score", [anls, token_f1, rouge_l], ids=lambda score: score.name)
@given(one=WORDS, other=WORDS)
def test_symmetry(judge, score, one, other):
    one, other = " ".join(one), " ".join(other)
    there = judge(score, one, targets=(other,)).value
    assert there == pytest.approx(judge(score, other, targets=(one,)).value)
