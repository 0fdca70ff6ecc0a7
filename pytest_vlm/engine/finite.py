"""NaN and infinite weights, found in the dtype that they were loaded in."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from pytest_vlm.errors import CheckpointError


def check_finite(who: str, weights: Mapping[str, torch.Tensor]) -> None:
    """Refuse weights with which every answer is noise.

    A value that float16 cannot hold was finite in the file, and is infinite here.

    Args:
        who: the checkpoint's name and folder.
        weights: by name; on any device.

    Raises:
        CheckpointError: some are NaN or infinite; says which and how many.
    """
    seen: set[tuple[torch.device, int]] = set()
    broken: list[str] = []
    for name, tensor in weights.items():
        place = (tensor.device, tensor.data_ptr())
        if tensor.is_meta or not tensor.is_floating_point() or place in seen:
            continue
        seen.add(place)
        if not _is_finite(tensor):
            values = tensor if tensor.element_size() > 1 else tensor.float()
            counts = int(values.isnan().sum()), int(values.isinf().sum())
            broken.append(f"{name} ({counts[0]} NaN, {counts[1]} infinite of {tensor.numel()})")
            dtype = str(tensor.dtype).removeprefix("torch.")
    if broken:
        hint = (
            "float16 ends at 65504: load it with ?dtype=float32 or ?dtype=bfloat16; if it is the "
            "same then, the file is damaged"
            if dtype == "float16"
            else "the training diverged or the file is damaged; take an earlier checkpoint"
        )
        raise CheckpointError(
            f"{who} has weights that are not finite in {len(broken)} tensors of {dtype}: "
            f"{', '.join(broken[:5])}; {hint}"
        )


@torch.inference_mode()
def _is_finite(tensor: torch.Tensor) -> bool:
    # A sum is 4 times as fast as isfinite. It may itself overflow, so only a finite one counts.
    if tensor.element_size() == 1:  # float8 has no sum
        tensor = tensor.float()
    if tensor.sum(dtype=torch.float32 if tensor.element_size() < 8 else None).isfinite():
        return True
    return bool(tensor.isfinite().all())
