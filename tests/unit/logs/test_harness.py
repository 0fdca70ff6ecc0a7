"""What lm-evaluation-harness and lmms-eval write on a line."""

from __future__ import annotations

import logged
import pytest

from pytest_vlm.errors import LogError
from pytest_vlm.logs.harness import entries, recognises, recognises_lmms
from pytest_vlm.logs.pairing import pair_logs
from pytest_vlm.logs.reading import read_log


def line(**fields):
    return {"doc_id": 1, "target": "x", "filtered_resps": ["x"]} | fields


def read(**fields):
    [entry] = entries(line(**fields), "line 1", "")
    return entry


def test_the_two_are_told_apart():
    assert recognises(line()) and not recognises_lmms(line())
    assert recognises_lmms(line(input="?")) and not recognises(line(input="?"))
    assert not recognises({"doc_id": 1, "target": "x"})


@pytest.mark.parametrize(
    ("target", "read_as"),
    [
        ("['a', 'b']", ("a", "b")),
        ("[0.1, 0.2, 0.3, 0.4]", ("[0.1, 0.2, 0.3, 0.4]",)),
        ("[]", ("[]",)),
        ("[unbalanced", ("[unbalanced",)),
        ("[not python]", ("[not python]",)),
        (3, ("3",)),
    ],
)
def test_lists_of_texts_are_targets_and_boxes_are_one(target, read_as):
    assert read(target=target).targets == read_as


@pytest.mark.parametrize(
    ("responses", "answers"),
    [
        (["a"], ("a",)),
        ([["a", "b"]], ("a", "b")),
        ([], ()),
        ([None], ()),
        ([{"text": "a"}], ('{"text": "a"}',)),
    ],
)
def test_answers_are_texts_however_deep(responses, answers):
    assert read(filtered_resps=responses).answers == answers


CHOICES = {
    f"gen_args_{n}": {"arg_0": "Which?", "arg_1": f" {word}"}
    for n, word in enumerate(("red", "green", "blue"))
}
LIKELIHOODS = [["-2.0", "False"], ["-0.5", "True"], ["-4.0", "False"]]


def test_of_likelihoods_the_likeliest_option_is_the_answer():
    entry = read(filtered_resps=LIKELIHOODS, arguments=CHOICES, target="2")
    assert (entry.answers, entry.targets) == (("green",), ("blue",))
    assert entry.choices == ("red", "green", "blue")


def test_likelihoods_without_the_prompt_are_no_options():
    alone = {f"gen_args_{n + 3}": {**one, "arg_0": ""} for n, one in enumerate(CHOICES.values())}
    unasked = [["-0.1", "False"]] * 3
    entry = read(filtered_resps=LIKELIHOODS + unasked, arguments=CHOICES | alone, target="1")
    assert (entry.answers, entry.targets) == (("green",), ("green",))


def test_options_that_nobody_wrote_down_are_known_by_their_number():
    entry = read(filtered_resps=LIKELIHOODS, target="1", input="Which?")
    assert (entry.answers, entry.targets, entry.choices) == (("1",), ("1",), ())


def test_a_likelihood_that_is_no_number_is_never_the_likeliest():
    broken = [["nan", "False"], ["-9", "False"], ["what", "False"]]
    assert read(filtered_resps=broken, arguments=CHOICES, target="1").answers == ("green",)


def test_the_image_of_the_document_is_the_cluster():
    assert read(doc={"image_id": 7}).cluster == "7"
    assert read(doc={"image_path": ["a.png", "b.png"]}).cluster == "a.png+b.png"
    assert read(doc={"image": "<PIL.PngImage mode=RGB at 0x7f3a>"}).cluster == ""
    assert len(read(doc={"image": "iVBOR" * 1000}).cluster) == 32


def test_a_document_is_the_same_wherever_its_picture_lay_in_memory():
    one = read(doc={"q": "?", "image": "<PIL.PngImage mode=RGB at 0x7f3a>"})
    other = read(doc={"q": "?", "image": "<PIL.PngImage mode=RGB at 0x11aa>"})
    another = read(doc={"q": "!", "image": "<PIL.PngImage mode=RGB at 0x7f3a>"})
    assert one.document == other.document != another.document
    assert read(doc_hash="abc").document == "abc"


def test_answers_of_several_filters_without_names_are_no_draws(tmp_path):
    path = logged.lmms_eval(tmp_path / "a.jsonl", ["1", "2"])
    path.write_text(path.read_text() * 2)
    with pytest.raises(LogError, match=r"line 3: the id '0' stands there again, first in .*line 1"):
        read_log(path, name="A")


def test_a_chat_template_does_not_make_another_question(tmp_path):
    a = read_log(logged.lm_eval(tmp_path / "a.jsonl", ["0", "1"]), name="A")
    b = logged.lm_eval(tmp_path / "b.jsonl", ["0", "1"], template="<|im_start|>user\n")
    pairs = pair_logs(a, read_log(b, name="B"))
    assert pairs.reworded == 2
    assert pair_logs(a, a).reworded == 0
