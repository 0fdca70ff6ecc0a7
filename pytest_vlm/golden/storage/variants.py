"""Variants of one golden: maps that were accepted on other devices or in other dtypes.

Rounding differs between them, so one test may have several right maps. The first golden of an id
has the plain name, further ones ``NAME~DEVICE-DTYPE``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pytest_vlm.golden.accepting.signature import Signature
from pytest_vlm.golden.golden import Golden, Provenance, Replaced
from pytest_vlm.golden.storage.names import VARIANT, without_variant
from pytest_vlm.golden.storage.store import GoldenStore, StoredGolden

KIND = re.compile(r"[a-z]*")


@dataclass(frozen=True)
class Variant:
    """Where numbers were computed.

    Attributes:
        device: its kind: ``cuda`` for ``cuda:1`` and for ``cuda:0+cpu``.
        dtype: by torch's name; empty where nobody knows.
    """

    device: str
    dtype: str

    @classmethod
    def of(cls, origin: Provenance) -> Variant:
        """Of a golden."""
        return cls.on(origin.device, origin.dtype)

    @classmethod
    def on(cls, device: str, dtype: str) -> Variant:
        """Of a device with its number, or several."""
        found = KIND.match(device)
        return cls(found[0] if found else "", dtype)

    def __str__(self) -> str:
        return f"{self.device} {self.dtype}".strip()

    @property
    def suffix(self) -> str:
        """What a golden's name ends with, e.g. ``~cuda-bfloat16``."""
        return VARIANT + str(self).replace(" ", "-")


def acceptable(store: GoldenStore, id: str, wanted: Variant) -> list[StoredGolden]:
    """The goldens that a map may match: the wanted variant alone where it exists, else all.

    Raises:
        GoldenError: one of them cannot be read.
    """
    plain = store.read(id)
    if plain is not None and _variant(plain) == wanted:
        return [plain]
    exact = store.read(f"{id}{wanted.suffix}")
    if exact is not None:
        return [exact]
    read = (store.read(one) for one in store.variants(id))
    return [one for one in read if one is not None]


def accept(store: GoldenStore, golden: Golden, signature: Signature) -> Golden:
    """Make a golden the accepted one of its variant, signed; gives it as it was written.

    It replaces the one of the same device kind and dtype, and says which; others stay beside it.
    The very same golden, accepted before, is left as it is.

    Raises:
        GoldenError: no name for a golden, or one that differs in upper case alone is there.
        OSError: it cannot be written; nothing is changed then.
    """
    id, own = without_variant(golden.id), Variant.of(golden.provenance)
    with store.locked():
        known = {one: store.read(one) for one in store.variants(id)}
        same = [one for one, stored in known.items() if stored and _variant(stored) == own]
        place = same[0] if same else (f"{id}{own.suffix}" if known else id)
        before = known.get(place)
        if before is not None and _is_same(before, golden):
            store.tidy(place)
            return before.unpack()
        provenance = replace(
            golden.provenance,
            accepted=signature.when,
            accepted_by=signature.who,
            reason=signature.why,
            run=signature.run,
            replaced=None
            if before is None
            else Replaced(digest=before.digest, accepted=before.provenance.accepted),
        )
        written = replace(golden, id=place, provenance=provenance)
        store.save(written)
    return written


def _variant(stored: StoredGolden) -> Variant:
    return Variant.of(stored.provenance)


def _is_same(stored: StoredGolden, golden: Golden) -> bool:
    """But for who accepted it, when, why and from which run."""
    made = replace(stored.provenance, accepted="", accepted_by="", reason="", run="", replaced=None)
    return (stored.digest, stored.picture, made) == (
        golden.digest,
        golden.picture,
        golden.provenance,
    )
