"""Whose answers are kept for the next run, and whose are forgotten with this one."""

from __future__ import annotations

import pytest

from pytest_vlm.assembly.identities import Identities
from pytest_vlm.checkpoint.catalog import CheckpointCatalog
from pytest_vlm.checkpoint.spec import parse_checkpoint
from pytest_vlm.evaluation.stores import MemoryStore
from pytest_vlm.settings import Settings

SERVER = parse_checkpoint("B=http://host/v1#m")


@pytest.mark.parametrize("engine", ["local", "fake"])
def test_no_folder_is_looked_for_where_a_server_answers(engine):
    kept = MemoryStore()
    identities = Identities(
        settings=Settings(engine=engine),
        catalog=CheckpointCatalog(in_folders=engine == "local"),
        fingerprint=lambda spec: None,
        keep=kept,
    )
    found = identities.of(SERVER)
    assert found.fingerprint == "B"
    assert found.store is not kept
    found.check_unchanged()


def test_a_server_that_says_whose_answers_they_are_has_them_kept():
    kept, keys = MemoryStore(), []
    for fingerprint in ("one", "other", "one"):
        identities = Identities(
            settings=Settings(),
            catalog=CheckpointCatalog(in_folders=True),
            fingerprint=lambda spec, fingerprint=fingerprint: fingerprint,
            keep=kept,
        )
        assert identities.of(SERVER).store is kept
        keys.append(identities.of(SERVER).key)
    assert keys[0] == keys[2] != keys[1]
