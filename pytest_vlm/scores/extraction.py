"""Taking the final answer out of a text: boxed, choice letter, JSON field, last number, pattern.

Every extractor reads an answer of any length in a time that grows no faster than the answer.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pytest_vlm.errors import SettingsError

UNWRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\{([^{}]*)\}")
BRACES = re.compile(r"\\boxed\s*\{|\\.|[{}]", re.DOTALL)
NUMBER = re.compile(
    r"(?P<minus>(?<![\w.,)])[-−]\s?[$€£¥]?|)"
    r"(?P<digits>(?<![\d.])"
    r"(?:[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+(?![0-9])"  # 1.234,5 and 1.234.567 leave no doubt
    r"|[0-9]{1,3}(?:\.[0-9]{3}){2,}(?![0-9])"
    r"|[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?"
    r"|[0-9]+(?:\.[0-9]+)?"
    r"|\.[0-9]+))"
    r"(?P<exponent>[eE][-+]?[0-9]{1,4}(?!\w)|)"
    r"(?P<below>(?:\s?/\s?[0-9]+)*)"
)
OBJECT = re.compile(r'\{\s{0,100}["}]')
MARKS = r"[\s*_`\"'$]{0,8}"
LONE = re.compile(
    rf"{MARKS}[(\[]?{MARKS}(?P<letter>[A-Z]){MARKS}[)\]]?{MARKS}[.:]?{MARKS}", re.IGNORECASE
)
BEGINNING = re.compile(
    r"[\s*_`]{0,8}(?:"
    r"[(\[](?P<bracketed>[A-Za-z])[)\]](?!\w)"
    r"|(?P<marked>[A-Z])[\s*_`]{0,8}[).:](?![\w.])"
    r"|(?P<small>[a-z])\)(?!\w)"
    r"|(?P<line>[A-Z])[*_`]{0,8}[ \t]{0,8}\n)"
)
LISTED = re.compile(r"^[ \t*_`-]{0,8}[(\[]?([A-Z])[)\].:]", re.MULTILINE)
STATED = re.compile(
    r"\b(?:answer|choice|option)\b(?:\s{1,4}(?:is|would\s{1,4}be|must\s{1,4}be|should\s{1,4}be))?"
    r"\s{0,4}[:=]?[\s*_`\"'$]{0,8}(?:(?:option|choice)\s{1,4})?[*_`]{0,4}"
    r"(?:\\boxed\{|[(\[])?[*_`]{0,4}(?P<letter>[A-Z])(?![\w'’])"
    r"(?P<closed>[)\]]?)(?:\s{0,4}(?:,|and|or|&|/)\s{0,4}[(\[]?(?P<other>[A-HJ-Z])(?![\w'’]))?",
    re.IGNORECASE,
)
ARTICLE = re.compile(r"\s+(?!(?:because|since|as|for|due)\b)[a-z]")
BRACKETED = re.compile(r"(?<!\w)[(\[]([A-Z])[)\]](?!\w)")
STANDALONE = re.compile(
    r"(?<![\w'’.])([B-HJ-Z]|[AI](?=[.,;:!?)*]|\s*$)|A(?=\s(?:and|or)\b))(?![\w'’]|\.\w)"
)


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """A way to find the final answer.

    Attributes:
        name: as it stands behind a score's name.
        function: text to the final answer, or None where there is none.
    """

    name: str
    function: Callable[[str], str | None]

    def __call__(self, text: str) -> str | None:
        """The final answer in the text, stripped, or None where there is none."""
        found = self.function(text)
        return (found.strip() or None) if found is not None else None


def _last_boxed(text: str) -> str | None:
    r"""Content of the last complete ``\boxed{...}``; a ``\text{...}`` inside is opened."""
    opened: list[tuple[int, bool]] = []
    found = (-1, -1)
    for token in BRACES.finditer(text):
        if token[0][-1] == "{" and token[0] != r"\{":
            opened.append((token.end(), token[0] != "{"))
        elif token[0] == "}" and opened:
            start, is_box = opened.pop()
            if is_box and start > found[0]:
                found = start, token.start()
    return UNWRAPPED.sub(r"\1", text[slice(*found)]).strip(" $") if found[0] >= 0 else None


def stated_letter(text: str) -> str | None:
    """The letter that the answer says it chooses; None where it says none, or two.

    It is the whole answer ("(b)", "**D**"), is stated ("the answer is C"), or begins the answer
    ("B. a dog").
    """
    text = unicodedata.normalize("NFKC", text).strip()
    if len(text) <= 100 and (lone := LONE.fullmatch(text)):
        return lone["letter"].upper()
    if stated := _stated(text):
        return stated.pop() if len(stated) == 1 else None
    if begins := BEGINNING.match(text):
        letter = next(filter(None, begins.groups())).upper()
        listed = {*BRACKETED.findall(text), *LISTED.findall(text)}
        return letter if listed <= {letter} else None
    return None


def mentioned_letter(text: str) -> str | None:
    """The only letter in brackets, else the only capital that stands alone; None where unsure."""
    text = unicodedata.normalize("NFKC", text)
    if _stated(text):
        return None
    for expression in (BRACKETED, STANDALONE):
        letters = set(expression.findall(text))
        if letters:
            return letters.pop() if len(letters) == 1 else None
    return None


def _stated(text: str) -> set[str]:
    """Letters behind "the answer is": a capital, or closed by a bracket, and no article."""
    letters: set[str] = set()
    for match in STATED.finditer(text):
        letter = match["letter"]
        article = (
            letter in "AI" and not match["closed"] and ARTICLE.match(text, match.end("letter"))
        )
        if match["closed"] or (letter.isupper() and not article):
            letters |= {letter.upper()} | ({match["other"].upper()} if match["other"] else set())
    return letters


def _choice_letter(text: str) -> str | None:
    return stated_letter(text) or mentioned_letter(text)


def _last_number(text: str) -> str | None:
    last = _last_match(NUMBER, _ascii_digits(text))
    if last is None:
        return None
    below = last["below"].replace(" ", "").split("/")[1:]
    if len(below) > 1:  # a date, or a path
        return below[-1]
    digits = last["digits"]
    if digits.count(".") > 1 or digits.find(".") < digits.find(","):
        digits = digits.replace(".", "").replace(",", ".") if "." in digits else digits
    digits = digits.replace(",", "")
    minus, zero = "-" if last["minus"] else "", "0" if digits[0] == "." else ""
    return "/".join([minus + zero + digits + last["exponent"].lower(), *below])


def _last_match(expression: re.Pattern[str], text: str) -> re.Match[str] | None:
    matches = deque(expression.finditer(text), maxlen=1)
    return matches[0] if matches else None


def _ascii_digits(text: str) -> str:
    """Digits of any script as ASCII, with the Arabic separators."""
    text = unicodedata.normalize("NFKC", text).replace("٫", ".").replace("٬", ",")
    if text.isascii():
        return text
    return "".join(
        str(unicodedata.digit(c)) if not c.isascii() and unicodedata.category(c) == "Nd" else c
        for c in text
    )


boxed = Extractor(name="boxed", function=_last_boxed)
choice_letter = Extractor(name="choice letter", function=_choice_letter)
# The digits are ASCII, without thousands separators, unit or percent sign; "3/4" stays a fraction.
last_number = Extractor(name="last number", function=_last_number)


def json_field(field: str) -> Extractor:
    """The field of the last JSON object that has it, in prose or in a code fence.

    A string stands for itself, a number for its digits as written, anything else for its JSON.
    """

    def find(text: str) -> str | None:
        return _last_field(text, field)

    return Extractor(name=f"JSON field {field}", function=find)


def _last_field(text: str, field: str) -> str | None:
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    found, end = None, 0
    effort = 10 * len(text) + 10_000
    while effort > 0 and (start := OBJECT.search(text, end)):
        try:
            content, end = decoder.raw_decode(text, start.start())
        except json.JSONDecodeError as error:
            end = start.start() + 1
            effort -= error.pos - end + error.pos // 64  # the error counts the lines before it
        except RecursionError:
            return None  # nested a thousand deep: not an answer
        else:
            found = (content[field], text[start.start() : end]) if field in content else found
    value, source = found or (None, "")
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(json.loads(source)[field], ensure_ascii=False)
    except ValueError:  # a number of thousands of digits
        return None


def pattern(expression: str) -> Extractor:
    """The last match of a regular expression: its first group, or all of it without groups.

    Raises:
        SettingsError: it is no regular expression.
    """
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise SettingsError(f"{expression!r} is no regular expression: {error}") from error
    group = min(compiled.groups, 1)

    def find(text: str) -> str | None:
        last = _last_match(compiled, text)
        return last[group] if last is not None else None

    return Extractor(name=f"pattern {expression}", function=find)
