"""Which tokens of an answer are explained, and where they stand behind the prompt."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from pytest_vlm.engine.relevance.reading import Answer, put_behind, read_answer
from pytest_vlm.evaluation.predictions import Completion

WORDS = ["<pad>", "</s>", "<unk>", "<think>", "</think>", "it", "is", "a", "cat", "▁"]


def fast():
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("</think>", "isolated")]
    )
    backend.add_tokens(["<think>", "</think>"])
    backend.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


class Slow:
    """Letters, and ``cat`` as one token; knows no offsets."""

    is_fast, pad_token_id, eos_token_id = False, 0, None

    def __call__(self, text, *, add_special_tokens):
        assert add_special_tokens is False
        return {"input_ids": [ord(letter) for letter in text.replace("cat", "\x07")]}


def said(raw, *, thinking=False):
    return Completion.parse(raw, finish_reason="stop", tokens=1, thinking=thinking)


def explained(tokenizer, raw, span, **options):
    answer = read_answer(tokenizer, said(raw), span, **options)
    return [answer.tokens[place] for place in answer.explained]


@pytest.mark.parametrize(
    ("span", "words"),
    [
        ((8, 11), ["cat"]),
        ((6, 11), ["a", "cat"]),
        ((9, 10), ["cat"]),
        ((0, 11), ["it", "is", "a", "cat"]),
        ((7, 8), ["it", "is", "a", "cat"]),
        ((40, 50), ["it", "is", "a", "cat"]),
    ],
)
def test_the_tokens_that_touch_the_span(span, words):
    numbers = [WORDS.index(word) for word in words]
    assert explained(fast(), "it is a cat", span) == numbers


def test_a_tag_that_the_prompt_opened_is_not_read_again():
    tokenizer, raw = fast(), "<think>it is</think> a cat"
    (a, cat) = (raw.index(" a") + 1, raw.index("cat"))
    for thinking, count in ((False, 6), (True, 5)):
        answer = read_answer(tokenizer, said(raw), (cat, cat + 3), thinking=thinking)
        assert len(answer.tokens) == count
        assert [answer.tokens[i] for i in answer.explained] == [WORDS.index("cat")]
        whole = read_answer(tokenizer, said(raw), (a, cat + 3), thinking=thinking)
        assert list(whole.explained) == [count - 2, count - 1]


def test_reasoning_that_nobody_opened_is_read_as_it_is():
    raw = "it is</think> a cat"
    answer = read_answer(fast(), said(raw), (16, 19), thinking=True)
    assert len(answer.tokens) == 5


@pytest.mark.parametrize(
    ("span", "expected"),
    [((0, 1), "i"), ((6, 9), "\x07"), ((7, 8), "\x07"), ((3, 7), "is \x07"), ((2, 5), " is")],
)
def test_a_tokenizer_without_offsets_is_asked_for_the_beginnings(span, expected):
    found = explained(Slow(), "it is cat!", span)
    assert "".join(map(chr, found)) == expected


def test_an_empty_answer_is_its_end():
    assert list(read_answer(fast(), said(""), (0, 0)).tokens) == [WORDS.index("</s>")]
    assert list(read_answer(Slow(), said(""), (0, 0)).tokens) == [0]


def test_answers_of_two_lengths_behind_prompts_of_two_lengths():
    ids = torch.tensor([[0, 7, 7, 5], [7, 7, 7, 6]])
    inputs = {
        "input_ids": ids,
        "attention_mask": (ids != 0).long(),
        "mm_token_type_ids": (ids == 7).long(),
        "pixel_values": torch.zeros(2, 4),
    }
    answers = [Answer(tokens=[1, 2, 3], explained=[0, 2]), Answer(tokens=[4], explained=[0])]
    reading = put_behind(inputs, answers, image_token=7, pad=9, model_type="qwen")
    assert reading.inputs["input_ids"].tolist() == [[0, 7, 7, 5, 1, 2, 3], [7, 7, 7, 6, 4, 9, 9]]
    assert reading.inputs["attention_mask"].tolist() == [[0] + [1] * 6, [1] * 5 + [0] * 2]
    assert reading.inputs["mm_token_type_ids"][:, 4:].sum() == 0
    assert reading.inputs["pixel_values"] is inputs["pixel_values"]
    assert (reading.rows.tolist(), reading.targets.tolist()) == ([[3, 5], [3, 3]], [[1, 3], [4, 4]])
    assert reading.weights.tolist() == [[0.5, 0.5], [1.0, 0.0]]
    assert reading.explained.nonzero().tolist() == [[0, 4], [0, 6], [1, 4]]
    assert reading.visual.nonzero().tolist() == [[0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]


def test_an_image_token_in_an_answer_is_no_picture():
    inputs = {"input_ids": torch.tensor([[7, 5]]), "attention_mask": torch.ones(1, 2)}
    answer = Answer(tokens=[7], explained=[0])
    reading = put_behind(inputs, [answer], image_token=7, pad=9, model_type="qwen")
    assert reading.visual.tolist() == [[True, False, False]]


def test_the_answer_of_a_paligemma_is_no_part_of_its_prompt():
    ids = torch.tensor([[7, 5]])
    inputs = {"input_ids": ids, "token_type_ids": torch.zeros_like(ids)}
    answer = Answer(tokens=[1], explained=[0])
    for model_type, kind in (("paligemma", 1), ("gemma3", 0)):
        reading = put_behind(inputs, [answer], image_token=7, pad=9, model_type=model_type)
        assert reading.inputs["token_type_ids"].tolist() == [[0, 0, kind]]
