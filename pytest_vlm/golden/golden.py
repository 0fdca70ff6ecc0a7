"""A golden as a value: what was accepted, and where it comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pytest_vlm.heatmap.heatmap import Heatmap


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """The golden that was there before.

    Attributes:
        digest: of its map or picture.
        accepted: UTC date and time.
    """

    digest: str
    accepted: str


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a golden comes from.

    Attributes:
        checkpoint: name of the checkpoint that made it.
        fingerprint: of that checkpoint's files; empty where its engine has none.
        device: it ran on.
        dtype: it computed in, by torch's name; empty where nobody knows.
        versions: library to version.
        test: node id of the test that asked for it, without parameters.
        sample_id: whose answer it explains; empty for a picture that explains none.
        sample_digest: of what the model saw; another sample never matches.
        answer: what the checkpoint answered.
        method: of the map, as are `layers` and `span` (see `Heatmap`).
        accepted: UTC date and time; empty while pending.
        accepted_by: who did.
        reason: why, in the words of who did.
        run: that they looked at, by date and command; empty where the run itself accepted.
        replaced: what it replaced; None for the first one.
    """

    checkpoint: str
    fingerprint: str
    device: str
    dtype: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    test: str = ""
    sample_id: str = ""
    sample_digest: str = ""
    answer: str = ""
    method: str = ""
    layers: tuple[int, ...] = ()
    span: tuple[int, int] | None = None
    accepted: str = ""
    accepted_by: str = ""
    reason: str = ""
    run: str = ""
    replaced: Replaced | None = None


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A map with its picture, or a picture alone, and its origin.

    Attributes:
        id: test without parameters, a slash, and the name given.
        heatmap: None for an image golden.
        picture: PNG bytes: the map on its image, or the accepted image itself.
    """

    id: str
    heatmap: Heatmap | None
    picture: bytes
    provenance: Provenance

    @property
    def subject(self) -> Literal["map", "image"]:
        """What is compared."""
        return "image" if self.heatmap is None else "map"

    @property
    def digest(self) -> str:
        """Of what is compared, 32 hexadecimal digits."""
        return digest(self.picture) if self.heatmap is None else map_digest(self.heatmap)


def digest(content: bytes) -> str:
    """blake2b of some bytes, 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def map_digest(heatmap: Heatmap) -> str:
    """Equal for maps with the same method and, bit by bit, the same cells and values."""
    whole = hashlib.blake2b(heatmap.method.encode(), digest_size=16)
    for array in (heatmap.values, heatmap.boxes, heatmap.media, heatmap.frame):
        whole.update(array.tobytes())
    return whole.hexdigest()
