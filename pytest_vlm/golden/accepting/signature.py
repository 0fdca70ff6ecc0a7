"""Who accepts a golden, when and why: what its provenance keeps of a person's decision."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

FALSE = ("", "0", "false", "no", "off")


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A decision of a person.

    Attributes:
        who: as git knows them, else their login name; empty where neither is known.
        when: UTC date and time.
        why: in their words; may be empty.
        run: that they looked at, by date and command; empty where the run itself accepts.
    """

    who: str
    when: str
    why: str
    run: str = ""

    @classmethod
    def now(cls, *, why: str, run: str = "") -> Signature:
        """Of whoever runs this process."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(who=_known_to_git() or _login(), when=when, why=" ".join(why.split()), run=run)


def in_ci(environment: Mapping[str, str]) -> bool:
    """Whether a machine runs this, as all common CI services say it: ``CI`` is set."""
    return environment.get("CI", "").strip().lower() not in FALSE


def _known_to_git() -> str:
    command = ["git", "config", "--get-regexp", r"^user\.(name|email)$"]
    try:
        said = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):  # no git is no reason to accept nothing
        return ""
    # The nearest setting comes last, and wins.
    known = dict(line.partition(" ")[::2] for line in said.stdout.splitlines())
    name, email = known.get("user.name", ""), known.get("user.email", "")
    return f"{name} <{email}>" if name and email else name or email


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return os.environ.get("USER", "")
