"""Who takes part in a run: the baseline, the candidates, and the anchor where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pytest_vlm.checkpoint.spec import CheckpointSpec, parse_checkpoints
from pytest_vlm.errors import SettingsError
from pytest_vlm.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Contestants:
    """The checkpoints of a run, told apart by name.

    Attributes:
        checkpoints: as ``--checkpoint`` gave them, the baseline first.
        anchor: as ``--vlm-anchor`` gave it.
    """

    checkpoints: tuple[CheckpointSpec, ...]
    anchor: CheckpointSpec | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings name them.

        Raises:
            SettingsError: a name or a setting that makes no sense, or two of one name.
        """
        given = parse_checkpoints(settings.checkpoints, settings.load)
        if settings.anchor is None:
            return cls(checkpoints=given)
        try:
            *_, anchor = parse_checkpoints((*settings.checkpoints, settings.anchor), settings.load)
        except SettingsError as error:
            raise SettingsError(f"--vlm-anchor: {error}") from error
        return cls(checkpoints=given, anchor=anchor)

    @property
    def baseline(self) -> CheckpointSpec:
        """The first checkpoint.

        Raises:
            SettingsError: there is none.
        """
        if not self.checkpoints:
            raise SettingsError("no checkpoint was given; add --checkpoint A=path/to/folder")
        return self.checkpoints[0]

    @property
    def candidates(self) -> tuple[CheckpointSpec, ...]:
        """Every further checkpoint."""
        return self.checkpoints[1:]

    @property
    def everybody(self) -> tuple[CheckpointSpec, ...]:
        """The checkpoints, and the anchor where there is one."""
        return self.checkpoints if self.anchor is None else (*self.checkpoints, self.anchor)
