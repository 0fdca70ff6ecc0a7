"""What an inspected checkpoint will need of its device; only headers and config.json are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from math import prod

from pytest_vlm.checkpoint.files.configuration import read_config
from pytest_vlm.checkpoint.files.safetensors_header import SafetensorsHeader, read_header
from pytest_vlm.checkpoint.files.weights import read_headers
from pytest_vlm.checkpoint.folder import CheckpointFolder
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.evaluation.batch_plan import Prompt
from pytest_vlm.memory.estimate import Estimate, estimate
from pytest_vlm.settings import GenerationSettings


def find_need(
    spec: CheckpointSpec,
    folder: CheckpointFolder,
    generation: GenerationSettings,
    prompt: Prompt | None,
) -> Estimate:
    """Weights, cache and activations; a patched checkpoint needs its base and the patch.

    Args:
        spec: says how it is loaded.
        folder: of the checkpoint.
        generation: size and length of a batch.
        prompt: the longest one; None where nothing is known of the questions.

    Raises:
        CheckpointError: its files were changed or removed since they were inspected.
    """
    headers = read_headers(folder.path)
    if folder.patch is not None:
        headers += [read_header(f) for f in folder.patch.files if f.suffix == ".safetensors"]
    return estimate(
        stored=_values(headers),
        config=read_config(folder.path),
        load=spec.load,
        generation=generation,
        prompt=prompt,
    )


def find_shared(
    spec: CheckpointSpec, folder: CheckpointFolder, other: CheckpointSpec, beside: CheckpointFolder
) -> int:
    """Bytes of the base's weights where both are made of one base, loaded alike; else 0."""
    if folder.path != beside.path or spec.load != other.load:
        return 0
    base = replace(folder, patch=None)
    return find_need(spec, base, GenerationSettings(), None).weights


def _values(headers: Iterable[SafetensorsHeader]) -> Counter[str]:
    """Number of values by dtype."""
    values = Counter[str]()
    for header in headers:
        for name, shape in header.shapes.items():
            values[header.dtypes[name]] += prod(shape)
    return values
