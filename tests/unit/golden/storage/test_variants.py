"""Several accepted goldens of one id, for several devices and dtypes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_vlm.golden.accepting.signature import Signature
from pytest_vlm.golden.golden import Replaced
from pytest_vlm.golden.storage.store import GoldenStore
from pytest_vlm.golden.storage.variants import Variant, accept, acceptable

ID = "test_x/seven"
CPU, CUDA = Variant("cpu", "float32"), Variant("cuda", "bfloat16")


@pytest.fixture
def store(tmp_path) -> GoldenStore:
    return GoldenStore(tmp_path / "goldens")


@pytest.fixture
def make(make_golden, provenance):
    def make(device: str = "cpu", dtype: str = "float32", picture: bytes = b"first"):
        origin = replace(provenance, device=device, dtype=dtype)
        return make_golden(ID, provenance=origin, picture=picture)

    return make


def signed(why: str = "looked at it", when: str = "2026-11-21T15:00:00+00:00") -> Signature:
    return Signature(who="Ada", when=when, why=why)


def found(store: GoldenStore, variant: Variant) -> list[str]:
    return [golden.id for golden in acceptable(store, ID, variant)]


def test_a_variant_is_a_kind_of_device_and_a_dtype():
    assert Variant.on("cuda:1", "bfloat16") == Variant.on("cuda:0+cpu", "bfloat16") == CUDA
    assert (str(CUDA), CUDA.suffix) == ("cuda bfloat16", "~cuda-bfloat16")
    assert (str(Variant("cpu", "")), Variant("cpu", "").suffix) == ("cpu", "~cpu")


def test_the_first_golden_has_the_plain_name_and_others_stand_beside_it(store, make):
    accept(store, make(), signed())
    accept(store, make("cuda:0", "bfloat16"), signed())
    accept(store, make("server", ""), signed())
    assert store.variants(ID) == [ID, f"{ID}~cuda-bfloat16", f"{ID}~server"]


def test_the_own_variant_decides_alone(store, make):
    accept(store, make(), signed())
    accept(store, make("cuda:0", "bfloat16"), signed())
    assert found(store, CPU) == [ID]
    assert found(store, CUDA) == [f"{ID}~cuda-bfloat16"]


def test_without_an_own_variant_any_may_match(store, make):
    assert found(store, CPU) == []
    accept(store, make(), signed())
    accept(store, make("cuda:0", "bfloat16"), signed())
    assert found(store, Variant("cuda", "float16")) == [ID, f"{ID}~cuda-bfloat16"]


def test_accepting_replaces_the_own_variant_and_says_what(store, make):
    first = accept(store, make(), signed())
    accept(store, make("cuda:0", "bfloat16", b"other"), signed())
    accept(store, make(picture=b"second"), signed("new resolution", "2026-11-22T15:00:00+00:00"))
    golden = store.load(ID)
    assert golden is not None
    assert golden.picture == b"second"
    origin = golden.provenance
    assert (origin.accepted_by, origin.reason) == ("Ada", "new resolution")
    assert origin.accepted == "2026-11-22T15:00:00+00:00"
    assert origin.replaced == Replaced(digest=first.digest, accepted="2026-11-21T15:00:00+00:00")
    assert store.load(f"{ID}~cuda-bfloat16").picture == b"other"
    accept(store, make("cuda:1", "bfloat16", b"third"), signed())
    assert store.load(f"{ID}~cuda-bfloat16").picture == b"third"


def test_the_first_golden_keeps_its_name_whatever_its_device(store, make):
    accept(store, make("cuda:0", "bfloat16"), signed())
    accept(store, make("cuda:0", "bfloat16", b"second"), signed())
    assert store.variants(ID) == [ID]
    assert found(store, CUDA) == [ID]


def test_the_very_same_golden_is_left_as_it_is(store, make):
    first = accept(store, make(), signed())
    again = accept(store, make(), signed("again", "2026-11-22T15:00:00+00:00"))
    assert again.provenance == first.provenance
    assert store.load(ID).provenance == first.provenance


def test_the_same_map_of_another_checkpoint_is_accepted_anew(store, make, provenance):
    accept(store, make(), signed())
    other = replace(make(), provenance=replace(provenance, fingerprint="e" * 32))
    accept(store, other, signed("again"))
    assert store.load(ID).provenance.fingerprint == "e" * 32
