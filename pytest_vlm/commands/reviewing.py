"""Pending goldens one after the other, each accepted, rejected or skipped at the terminal."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pytest_vlm.commands.linking import say_path
from pytest_vlm.commands.saying import say
from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.accepting.accept import accept
from pytest_vlm.golden.accepting.pending import PendingFolder, PendingGolden
from pytest_vlm.golden.accepting.signature import Signature
from pytest_vlm.golden.tolerance import told
from pytest_vlm.paths import readable

INTERRUPTED = 128 + 2  # what a shell says of a program that SIGINT ended
ANSWERS = ("accept", "reject", "skip", "all", "quit")
SHORT = {answer[0]: answer for answer in reversed(ANSWERS)}  # "a" accepts one, never all
EVIDENCE = re.compile(r"evidence/[0-9a-f]+/golden\.json")  # and nothing outside the report
QUESTION = "  [a]ccept  [r]eject  [s]kip  all  [q]uit > "
MEANING = """  accept  the new one is right: it becomes the golden
  reject  the new one is wrong: the golden stays, and you are not asked again
  skip    decide later
  all     accept this one and all that follow of the same candidate
  quit    decide later on this one and all that follow"""


class Review:
    """One person's way through what a run left.

    Args:
        goldens: the folder of the accepted ones.
        reason: why they are accepted; None asks for it once.
    """

    def __init__(self, folder: PendingFolder, *, goldens: Path, reason: str | None) -> None:
        self._folder = folder
        self._goldens = goldens
        self._reason = reason
        self._all_of: str | None = None
        self._did: Counter[str] = Counter()
        self._taken: dict[str, str] = {}

    def of(self, pending: Sequence[PendingGolden]) -> int:
        """Ask about each; what was decided stays decided, however the review ends."""
        interrupted = False
        say_path("report: ", self._folder.report / "index.html", os.environ)
        try:
            for number, one in enumerate(pending, start=1):
                if not self._can_be_accepted(one):
                    continue
                answer = self._answer(one, f"{number} of {len(pending)}")
                if answer == "quit":
                    break
                self._act(one, answer)
        except (KeyboardInterrupt, EOFError) as end:
            interrupted = isinstance(end, KeyboardInterrupt)
            say()
        left = len(pending) - sum(self._did[what] for what in ("accepted", "rejected", "refused"))
        done = ", ".join(f"{count} {what}" for what, count in self._did.items())
        say(f"{done or 'nothing decided'}; {left} still pending")
        if interrupted:
            return INTERRUPTED
        return 2 if self._did["refused"] else 0

    def _can_be_accepted(self, one: PendingGolden) -> bool:
        try:
            self._folder.load(one)
        except GoldenError as error:
            self._refuse(error)
            return False
        return True

    def _refuse(self, error: GoldenError) -> None:
        self._did["refused"] += 1
        say(on_one_line(f"refused: {error}"), {"red": True}, error=True)

    def _answer(self, one: PendingGolden, place: str) -> str:
        self._show(one, place)
        if self._all_of == one.candidate:
            return "accept"
        while True:
            said = input(QUESTION).strip().lower()
            answer = SHORT.get(said, said)
            if answer in ANSWERS:
                return answer
            say(MEANING)

    def _act(self, one: PendingGolden, answer: str) -> None:
        if answer == "skip":
            self._did["skipped"] += 1
        elif answer == "reject":
            self._reject(one)
        else:
            if answer == "all":
                self._all_of = one.candidate
            if self._reason is None:
                self._reason = input("  why? It is kept with each golden; Enter for no reason > ")
            self._accept(one, self._reason)

    def _reject(self, one: PendingGolden) -> None:
        try:
            self._folder.drop(one)
        except GoldenError as error:
            self._refuse(error)
        else:
            self._did["rejected"] += 1
            say("  rejected; the golden stays as it is, and you are not asked again")

    def _accept(self, one: PendingGolden, why: str) -> None:
        signature = Signature.now(why=why, run=self._folder.origin.told)
        try:
            golden = accept(self._folder, one, self._goldens, signature)
        except GoldenError as error:
            self._refuse(error)
        else:
            self._did["accepted"] += 1
            self._taken[one.id] = one.candidate
            say(f"  accepted {readable(self._goldens / golden.id)}")

    def _show(self, one: PendingGolden, place: str) -> None:
        say()
        say(f"{place}  {one.id}  {one.candidate}", {"bold": True})
        if one.record is not None:
            say(f"  {on_one_line(one.record.sentence)}")
            if one.record.measures:
                say(f"  {on_one_line(', '.join(map(told, one.record.measures)))}")
        if one.id in self._taken:
            other = self._taken[one.id]
            say(
                f"  {other}'s was accepted a moment ago; this one would replace it",
                {"yellow": True},
            )
        for words, path in self._pictures(one):
            say_path(f"  {words:<11}", path, os.environ)

    def _pictures(self, one: PendingGolden) -> list[tuple[str, Path]]:
        new, accepted = self._folder.path(one), self._goldens / one.id
        places = [
            ("new", new.with_name(f"{new.name}.png")),
            ("golden", accepted.with_name(f"{accepted.name}.png")),
        ]
        if one.record is not None and EVIDENCE.fullmatch(one.record.evidence):
            evidence = (self._folder.report / one.record.evidence).parent
            places.append(("difference", evidence / "difference.png"))
        return [(words, path) for words, path in places if path.is_file()]


def on_one_line(text: str) -> str:
    """Text of others cannot look like a line of this command."""
    return " ".join(text.split())
