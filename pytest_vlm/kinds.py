"""What a number of a score means; decides the test and the unit of a margin."""

from typing import Literal

Kind = Literal["binary", "bounded", "positive"]
Better = Literal["higher", "lower"]
