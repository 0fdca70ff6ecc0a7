"""Goldens of a whole run: those that two tests share, and those that none asks for."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence

from pytest_vlm.gate.plan import PlannedTest, TestOutcome
from pytest_vlm.golden.storage.names import scope_of
from pytest_vlm.report.model import GoldenRecord, Record

ORPHANED = "that no test of this run asked for"
UNCOLLECTED = "it could not be collected"
LISTED = 10


def shared_goldens(goldens: Sequence[GoldenRecord]) -> Iterator[str]:
    """Ids that two tests checked; tests in two processes do not see each other.

    Args:
        goldens: of one candidate.
    """
    known: dict[str, GoldenRecord] = {}
    told = set()
    for record in goldens:
        first = known.setdefault(record.golden.lower(), record)
        if first.test != record.test and first.golden not in told:
            told.add(first.golden)
            also = "" if first.golden == record.golden else f" (there {record.golden})"
            yield (
                f"two tests have the golden {first.golden}: {first.test} and {record.test}{also}; "
                "rename one, or give its golden another name"
            )


def orphans(
    accepted: Mapping[str, str],
    *,
    planned: Sequence[PlannedTest],
    outcomes: Sequence[TestOutcome],
    records: Sequence[Record],
    reached: Callable[[str], bool],
) -> list[str]:
    """Accepted goldens that no test asked for, of a run that left nothing out.

    A test that ended early may not have come to all of its goldens, so nothing is said of those of
    a test that did not pass.

    Args:
        accepted: golden to the test (a node id) that asked for it when it was accepted.
        planned: every collected test that uses a checkpoint.
        outcomes: one for each test that ended, and for each module that could not be collected.
        records: everything the tests recorded.
        reached: whether the run was to collect such a test; goldens of other tests may lie in the
            same folder.
    """
    ended = {outcome.test: outcome.outcome for outcome in outcomes}
    if any(test.test not in ended for test in planned) or any(map(_uncollected, outcomes)):
        return []
    asked = {record.golden for record in records if isinstance(record, GoldenRecord)}
    checking = [test for test in planned if test.golden]
    unfinished = {scope_of(test.test) for test in checking if ended[test.test] != "passed"}
    return [
        id
        for id, test in accepted.items()
        if id not in asked and id.partition("/")[0] not in unfinished and test and reached(test)
    ]


def orphan_event(orphaned: Mapping[str, Sequence[str]]) -> str:
    """What to tell of orphans: their names, and the command that removes their files.

    Args:
        orphaned: golden to the paths of its files; not empty.
    """
    shown = dict(list(orphaned.items())[:LISTED])
    more = f" and {len(orphaned) - LISTED} more" if len(orphaned) > LISTED else ""
    files = [path for paths in shown.values() for path in paths]
    count = "an accepted golden" if len(orphaned) == 1 else f"{len(orphaned)} accepted goldens"
    return (
        f"{count} {ORPHANED}: {', '.join(shown)}{more}. Where the test was renamed or removed: "
        f"{shlex.join(['rm', *files])}"
    )


def _uncollected(outcome: TestOutcome) -> bool:
    return outcome.outcome == "failed" and outcome.message.startswith(UNCOLLECTED)
