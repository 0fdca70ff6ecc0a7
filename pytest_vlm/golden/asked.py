"""Which goldens the tests of a process asked for: one id belongs to one test and one map."""

from __future__ import annotations

from pytest_vlm.errors import GoldenError


class AskedGoldens:
    """Remembers who asked for what; one for a session."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[str, str, str]] = {}

    def claim(self, candidate: str, id: str, test: str, digest: str) -> None:
        """Take an id for a test and what it checks.

        Args:
            candidate: whose; each candidate has the golden checked once.
            id: of the golden.
            test: node id of who asks.
            digest: of the map and its sample, or of the picture.

        Raises:
            GoldenError: another test, or the same one with something else, asked for the id, or
                for one that differs in upper case alone.
        """
        key = candidate, id.lower()
        other, before, seen = self._known.setdefault(key, (id, test, digest))
        name = id.rpartition("/")[2]
        if other != id:
            raise GoldenError(
                f"the goldens {id} (of {test}) and {other} (of {before}) are the same to Windows "
                "and macOS; choose another name for one of them"
            )
        if before != test:
            raise GoldenError(
                f"two tests have the golden {id}: {before} and {test}; accepting one would replace "
                f"the other's. {_distinct(before, test, name)}"
            )
        if seen != digest:
            raise GoldenError(
                f"{test} checks two different things as the golden {name!r}; give each its own "
                f'name, e.g. golden("{name}-2")'
            )


def _distinct(one: str, other: str, name: str) -> str:
    if one.partition("[")[0] == other.partition("[")[0]:
        return (
            "A golden's id leaves out the test's parameters: put them into the name, e.g. "
            f'golden(f"{name}-{{case}}")'
        )
    return "Rename one of the tests or its module, or give the golden another name"
