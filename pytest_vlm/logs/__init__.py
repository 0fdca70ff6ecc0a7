"""Sample logs, our own and those of other tools, as answers that can be compared."""

from pytest_vlm.logs.entries import LoggedAnswers
from pytest_vlm.logs.reading import read_log

__all__ = ["LoggedAnswers", "read_log"]
