"""Names of goldens: safe as files on every system, and the same for every run of a test."""

from __future__ import annotations

import re

from pytest_vlm.errors import GoldenError

VARIANT = "~"
PART = re.compile(r"[A-Za-z0-9_%-](?:[A-Za-z0-9._%-]*[A-Za-z0-9_%-])?")
SETTING = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9_]+)?")
LONGEST = 120  # a file may have 255 bytes in its name, with a variant and a digest to come
RESERVED = {"con", "prn", "aux", "nul"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in "0123456789"
}


def check_id(id: str) -> None:
    """Refuse what is no ``TEST/NAME``, or ``TEST/NAME~DEVICE-DTYPE`` for a variant.

    Raises:
        GoldenError: with what is wrong and what to use.
    """
    test, slash, rest = id.partition("/")
    name, tilde, variant = rest.partition(VARIANT)
    if not slash:
        raise GoldenError(f"{_shown(id)} is no name for a golden; an id is TEST/NAME")
    for part in (test, name):
        _check_part(part)
    if tilde and not SETTING.fullmatch(variant):
        raise GoldenError(f"{_shown(rest)} is no name for a golden; '~' sets off DEVICE-DTYPE")


def check_plain(id: str) -> None:
    """Refuse what is no ``TEST/NAME``, a variant of one too: a run names its own variants.

    Raises:
        GoldenError: with what is wrong and what to use.
    """
    check_id(without_variant(id))
    if VARIANT in id:
        raise GoldenError(
            f"{_shown(id.partition('/')[2])} is no name for a golden: what follows '~' is the "
            "device and dtype, which are found by themselves; leave it out"
        )


def is_id(id: str) -> bool:
    """Whether it may name a golden or a variant of one."""
    try:
        check_id(id)
    except GoldenError:
        return False
    return True


def without_variant(id: str) -> str:
    """``TEST/NAME`` of either."""
    return id.partition(VARIANT)[0]


def scope_of(node: str) -> str:
    """What a golden's id begins with, from a node id: ``module.Class.function``."""
    path, _, rest = node.partition("::")
    module = path.rpartition("/")[2].removesuffix(".py")
    return ".".join([module, *rest.partition("[")[0].split("::")])


def _check_part(part: str) -> None:
    if len(part) > LONGEST:
        raise GoldenError(
            f"{_shown(part)} is no name for a golden: it has {len(part)} characters, at most "
            f"{LONGEST} fit in a file's name on every system; choose a shorter one"
        )
    if part.partition(".")[0].lower() in RESERVED:
        raise GoldenError(
            f"{_shown(part)} is no name for a golden: Windows reserves it; choose another one"
        )
    if not PART.fullmatch(part):
        raise GoldenError(
            f"{_shown(part)} is no name for a golden; use letters, digits, '.', '_', '-', '%', and "
            "no '.' at either end"
        )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
