"""Engines for the pool: they answer nothing, hold pieces of memory, and keep the books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_vlm.checkpoint.pool.room import unique_bytes
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.memory.estimate import Estimate


def spec(name: str) -> CheckpointSpec:
    return CheckpointSpec(name=name, source=name)


@dataclass(eq=False)
class Resident:
    """A resident engine; pieces of memory are sizes by address."""

    name: str
    device: str
    pieces: Mapping[int, int]
    closed: int = 0
    wrote: Sequence[str] = ()

    def storages(self) -> Mapping[tuple[str, int], int]:
        assert not self.closed
        return {(self.device, address): size for address, size in self.pieces.items()}

    def move(self, device: str) -> None:
        assert not self.closed
        self.device = device

    def written(self) -> Sequence[str]:
        assert not self.closed
        return self.wrote

    def close(self) -> None:
        self.closed += 1


@dataclass(eq=False)
class Loader:
    """Opens engines with the pieces that their checkpoints have, or fails as it is told to."""

    pieces: Mapping[str, Mapping[int, int]]
    device: str = "cpu"
    fail: list[BaseException] = field(default_factory=list)
    engines: list[Resident] = field(default_factory=list)

    def __call__(self, spec: CheckpointSpec) -> Resident:
        if self.fail:
            raise self.fail.pop()
        self.engines.append(Resident(spec.name, self.device, self.pieces[spec.name]))
        return self.engines[-1]

    @property
    def open(self) -> list[Resident]:
        return [engine for engine in self.engines if not engine.closed]

    @property
    def names(self) -> list[str]:
        return [engine.name for engine in self.open]

    def bytes(self, device: str) -> int:
        return unique_bytes(engine.storages() for engine in self.open)[device]

    def estimate(self, spec: CheckpointSpec) -> Estimate:
        return Estimate(weights=sum(self.pieces[spec.name].values()))

    def shared(self, one: CheckpointSpec, other: CheckpointSpec) -> int:
        both = self.pieces[one.name].keys() & self.pieces[other.name].keys()
        return sum(self.pieces[one.name][address] for address in both)
