"""Taking the final answer out of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.errors import SettingsError
from pytest_vlm.scores import boxed, choice_letter, json_field, last_number, pattern

MILLION = 1_000_000
HOSTILE = ["{", r"\boxed{", '{"a":', '{"a":[', '{"":0,', '{"', "{}", "1,", "1,234", "1/", "1.234."]
HOSTILE += ["(", "(A)", "A ", "answer is ", "answer:", "*", "\n", " ", "-", "٤", "1 ", "answer "]

HOSTILE_FOUND = {  # in none of the others is there an answer
    "choice letter": {"(A)": "A", "A ": "A"},
    "last number": {'{"":0,': "0", "1,": "1", "1,234": "234", "1/": "1", "1.234.": "1.234"}
    | {"1 ": "1", "٤": "٤"},
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"so \boxed{7}.", "7"),
        (r"$\boxed{\frac{1}{2}}$", r"\frac{1}{2}"),
        (r"\boxed{1} then \boxed{2}", "2"),
        (r"\boxed{1} then \boxed{2", "1"),
        (r"\boxed {a\}b}", r"a\}b"),
        (r"\boxed{a \boxed{b}}", "b"),
        (r"\boxed{\text{a cat}}", "a cat"),
        (r"} { \boxed{7}", "7"),
        (r"\boxed{}", None),
        ("7", None),
    ],
)
def test_boxed(text, found):
    assert boxed(text) == found


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("A", "A"),
        ("b", "B"),
        ("(B)", "B"),
        ("[c]", "C"),
        ("**D**", "D"),
        ("ｃ", "C"),
        ("D.", "D"),
        ("The answer is C.", "C"),
        ("The answer is C because of the dog", "C"),
        ("The answer is A because of the dog", "A"),
        ("Answer: (b)", "B"),
        ("Final answer: **(D)**", "D"),
        (r"The answer is \boxed{C}", "C"),
        ("the correct option is c)", "C"),
        ("option D, as A is wrong", "D"),
        ("B. a dog", "B"),
        ("B) a dog", "B"),
        ("B: a dog", "B"),
        ("b) a dog", "B"),
        ("(B) a dog", "B"),
        ("B\nbecause of the dog", "B"),
        ("I would go with C", "C"),
        ("It is (C), I think", "C"),
        ("A dog sits there", None),
        ("the answer is a dog", None),
        ("Answer: A dog", None),
        ("Answer: A, B", None),
        ("Both A and B", None),
        ("(A) a dog (B) a cat", None),
        ("A. a dog\nB. a cat", None),
        ("The answer is A. No, the answer is B.", None),
        ("U.S. troops", None),
        ("I don't know", None),
        ("", None),
    ],
)
def test_choice_letter(text, letter):
    assert choice_letter(text) == letter


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("It is 7.", "7"),
        ("3 and then 7", "7"),
        ("1,234.5 metres", "1234.5"),
        ("1.234,5 Meter", "1234.5"),
        ("1.234.567", "1234567"),
        ("1,2345", "2345"),
        ("x = -3", "-3"),
        ("x = −3", "-3"),
        ("5-3", "3"),
        ("in 1999-2001", "2001"),
        ("-$3.50", "-3.50"),
        ("1e5", "1e5"),
        ("2.5E-3 m", "2.5e-3"),
        ("45%", "45"),
        ("about 3/4.", "3/4"),
        ("on 12/05/2020", "2020"),
        (".5", "0.5"),
        ("٤٥٫٥", "45.5"),
        ("७", "7"),
        ("１２", "12"),
        ("9 5 9 8", "8"),
        ("seven", None),
        ("", None),
    ],
)
def test_last_number(text, number):
    assert last_number(text) == number


@given(st.integers(-(10**12), 10**12), st.sampled_from(["{}", "{:,}", "it is {}.", "1 {:,} kg"]))
def test_a_number_in_prose_is_found(number, prose):
    assert last_number(prose.format(number)) == str(number)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"answer": "a cat"}', "a cat"),
        ('Sure! {"answer": 1.50} I hope it helps {now}', "1.50"),
        ('```json\n{"reason": "{x}", "answer": "b"}\n```', "b"),
        ('{"answer": 1} {"answer": 2} {"other": 3}', "2"),
        ('{"a": {"answer": 1}}', None),
        ('{broken {"answer": 3}', "3"),
        ('{"answer": [1, 2.5, true]}', "[1, 2.5, true]"),
        ('{"answer": true}', "true"),
        ('{"answer": null}', None),
        ('{"answer": ""}', None),
        ('{"answer": ' + "9" * 5000 + "}", "9" * 5000),
        ('{"answer": [' + "9" * 5000 + "]}", None),
        ("{'answer': 1}", None),
        ("answer", None),
    ],
)
def test_json_field(text, found):
    assert json_field("answer")(text) == found


def test_pattern_takes_the_last_match_and_its_first_group():
    assert pattern(r"Answer: (\w+)")("Answer: a, Answer: b") == "b"
    assert pattern(r"\d+")("1 22") == "22"
    assert pattern("(a)|b")("b") is None
    assert pattern("x")("y") is None


def test_a_broken_pattern_is_refused():
    with pytest.raises(SettingsError, match=r"'\(' is no regular expression: missing \)"):
        pattern("(")


@pytest.mark.parametrize("extract", [boxed, choice_letter, last_number, json_field("a")])
def test_long_hostile_answers_end(extract):
    for piece in HOSTILE:
        times = MILLION // len(piece) // 4
        found = HOSTILE_FOUND.get(extract.name, {}).get(piece)
        assert extract(piece * times) == ("4" * times if piece == found else found)


def test_json_behind_a_hundred_thousand_broken_objects_is_given_up():
    assert json_field("a")('{"":0,' * 100 + '{"a": 7}') == "7"
    assert json_field("a")('{"":0,' * 100_000 + '{"a": 7}') is None


@given(st.text(max_size=60))
def test_any_text_gives_a_stripped_answer_or_none(text):
    for extract in (boxed, choice_letter, last_number, json_field("a")):
        found = extract(text)
        assert found is None or found == found.strip() != ""
