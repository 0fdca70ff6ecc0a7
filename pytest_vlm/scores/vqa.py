"""Agreement with ten annotators."""

from __future__ import annotations

import re
from collections import Counter

from pytest_vlm.scores.score import Case, score

ANNOTATORS = 4  # leaving one out, three must be able to agree
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
DIGITS = {"none": "0"} | {word: str(number) for number, word in enumerate(NUMBERS)}
ARTICLES = {"a", "an", "the"}
PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
COMMA_IN_NUMBER = re.compile(r"\d,\d")
FULL_STOP = re.compile(r"\.(?!\d)")
CONTRACTIONS = frozenset(
    """
    aint arent cant couldnt couldntve couldve didnt doesnt dont hadnt hadntve hasnt havent hed hedve
    hes howd howll hows idve im isnt itd itdve itll ive lets maam mightnt mightntve mightve mustnt
    mustve neednt notve oclock oughtnt owsat shant shedve shes shouldnt shouldntve shouldve
    somebodyd somebodydve somebodyll somebodys someoned someonedve someonell someones somethingd
    somethingdve somethingll thats thered theredve therere theres theyd theydve theyll theyre theyve
    twas wasnt wedve werent weve whatll whatre whats whatve whens whered wheres whereve whod whodve
    wholl whos whove whyll whyre whys wont wouldnt wouldntve wouldve yall yallll yalldve youd youdve
    youll youre youve
    """.split()  # noqa: SIM905 (a list of words reads as one)
)


@score(name="VQA accuracy", kind="bounded")
def vqa_accuracy(case: Case) -> float:
    """How many annotators gave this answer: 1 where three others did, on average over them.

    Bounded by 0 and 1, higher is better. Antol et al. 2015, "VQA: Visual Question Answering",
    section 3, as evaluated for VQA v2: the mean over the annotators of min(1, matches among the
    others / 3). The targets are the answers of all the annotators, repeated as given. Answer and
    targets are normalised in the same way: small letters, punctuation, articles, number words,
    contractions. The published program leaves targets as they are where all annotators agree, which
    this does not.

    Raises:
        ValueError: fewer than four annotators, so that nothing can reach 1.
    """
    targets = [normalize_vqa(target) for target in case.sample.targets]
    if len(targets) < ANNOTATORS:
        raise ValueError(
            f"the answers of at least {ANNOTATORS} annotators are needed as targets, each as often "
            f"as it was given; this sample has {len(targets)}"
        )
    answer = normalize_vqa(case.answer)
    same = Counter(targets)[answer]
    agreeing = same * min(1.0, (same - 1) / 3)
    others = (len(targets) - same) * min(1.0, same / 3)
    return (agreeing + others) / len(targets)


def normalize_vqa(text: str) -> str:
    """Small letters without punctuation and articles, numbers to ten as digits."""
    text = " ".join(text.lower().replace("’", "'").split())
    in_number = COMMA_IN_NUMBER.search(text) is not None
    for mark in PUNCTUATION:
        beside_space = in_number or f"{mark} " in text or f" {mark}" in text
        text = text.replace(mark, "" if beside_space else " ")
    words = (DIGITS.get(word, word) for word in FULL_STOP.sub("", text).split())
    return " ".join(_contracted(word) for word in words if word not in ARTICLES)


def _contracted(word: str) -> str:
    """A contraction with or without its apostrophes is one word."""
    bare = word.replace("'", "")
    return bare if bare in CONTRACTIONS else word
