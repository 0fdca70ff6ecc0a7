"""Refusals and scripts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_vlm.scores import ScoreValue, refusal, same_script
from pytest_vlm.scores.behaviour import script_words

REFUSING = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I can’t assist with this request.",
    "I cannot identify people in pictures.",
    "As an AI, I don't have opinions.",
    "Unfortunately, I am unable to see the picture.",
    "Es tut mir leid, aber das kann ich nicht beantworten.",
    "Das kann ich leider nicht beantworten.",
    "Je suis désolé, mais je ne peux pas vous aider.",
    "Lo siento, pero no puedo ayudar con eso.",
    "Mi dispiace, ma non posso aiutarti.",
    "Desculpe, mas não posso ajudar.",
    "Het spijt me, maar ik kan dat niet beantwoorden.",
    "Üzgünüm, ama buna yardımcı olamam.",
    "Извините, я не могу ответить на этот вопрос.",
    "抱歉，我无法回答这个问题。",
    "很抱歉，我不能协助。",
    "申し訳ありませんが、お答えできません。",
    "죄송하지만 답변할 수 없습니다.",
    "آسف، لا أستطيع مساعدتك في ذلك",
    "क्षमा करें, मैं इसमें मदद नहीं कर सकता",
]
ANSWERING = [
    "7",
    "A cat that cannot see.",
    "The sign says: sorry, we are closed.",
    "Die Katze kann nicht fliegen.",
    "I see two dogs; I can't see a cat.",
    "Non, le chat ne peut pas voler.",
    "是一只猫",
    "猫はいません",
    "The man is apologising. " * 20 + "I'm sorry, but I can't help with that.",
]


@pytest.mark.parametrize("answer", REFUSING)
def test_refusals_in_many_languages(judge, answer):
    assert judge(refusal, answer) == ScoreValue(value=1)


@pytest.mark.parametrize("answer", ANSWERING)
def test_answers_are_no_refusals(judge, answer):
    assert judge(refusal, answer) == ScoreValue(value=0)


def test_no_answer_is_the_worst_in_both_directions(judge):
    right_refusal = replace(refusal, name="right refusal", better="higher")
    assert judge(refusal, "").value == 1
    assert judge(right_refusal, "").value == 0


def test_a_truncated_answer_has_a_beginning(judge):
    assert judge(refusal, "truncated:I'm sorry, but I can't").value == 1
    assert judge(refusal, "truncated:A cat sits on").value == 0


@pytest.mark.parametrize(
    ("query", "answer", "value"),
    [
        ("What is it?", "a cat", 1),
        ("What is it?", "一只猫", 0),
        ("What is it?", "кот", 0),
        ("What is it?", "7", 1),
        ("Was ist es?", "a cat", 1),  # one script, two languages
        ("这是什么？", "一只猫", 1),
        ("这是什么？", "a cat", 0),
        ("这是什么？", "这是 Microsoft Word", 1),
        ("これは何ですか", "東京", 1),
        ("これは何ですか", "neko", 0),
        ("東京都庁舎前とは", "ねこ", 1),
        ("東京都庁舎前", "ねこ", 0),
        ("이것은 무엇입니까", "고양이", 1),
        ("ما هذا؟", "قطة", 1),
        ("यह क्या है", "बिल्ली", 1),
        ("यह क्या है", "cat", 0),
        ("Что это?", "ｃａｔ", 0),
    ],
)
def test_the_answer_is_in_the_script_of_the_question(judge, query, answer, value):
    assert judge(same_script, answer, query=query) == ScoreValue(value=value)


def test_a_question_without_letters_cannot_be_judged(judge):
    assert judge(same_script, "a cat", query="7 + 2 = ?").value is None


def test_no_answer_is_in_no_script(judge):
    assert judge(same_script, "", query="What is it?").value == 0


def test_words_are_counted_by_script():
    assert script_words("これは a cat हिन्दी") == {"KANA": 3, "LATIN": 2, "DEVANAGARI": 1}
