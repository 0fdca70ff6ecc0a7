"""Descriptions held against reference texts."""

from __future__ import annotations

from pytest_vlm.scores.score import Case, score
from pytest_vlm.scores.text import tokens


@score(name="BLEU", kind="bounded", libraries=("sacrebleu",))
def bleu(case: Case) -> float:
    """Sentence BLEU against all targets, over 100.

    Bounded by 0 and 1, higher is better. Papineni et al. 2002 as sacrebleu computes it (Post 2018):
    tokens "13a", exponential smoothing, effective order. Its tokens need spaces between words; for
    Chinese, Japanese or Thai use `chrf`.
    """
    import sacrebleu

    return min(1.0, sacrebleu.sentence_bleu(case.answer, list(case.sample.targets)).score / 100)


@score(name="chrF", kind="bounded", libraries=("sacrebleu",))
def chrf(case: Case) -> float:
    """Character n-gram F score against the nearest target, over 100; for any script.

    Bounded by 0 and 1, higher is better. Popović 2015, as sacrebleu computes it: chrF2 to order 6.
    """
    import sacrebleu

    return min(1.0, sacrebleu.sentence_chrf(case.answer, list(case.sample.targets)).score / 100)


@score(name="ROUGE-L", kind="bounded", libraries=("rouge-score",))
def rouge_l(case: Case) -> float:
    """F measure of the longest common subsequence of words, for the nearest target.

    Bounded by 0 and 1, higher is better. Lin 2004 as rouge-score computes it, without stemming; in
    scripts without spaces each character is a word.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], tokenizer=_Tokenizer())
    return float(scorer.score_multi(list(case.sample.targets), case.answer)["rougeL"].fmeasure)


class _Tokenizer:
    """Words of every script; rouge-score's own keeps a to z only."""

    def tokenize(self, text: str) -> list[str]:
        return tokens(text)
