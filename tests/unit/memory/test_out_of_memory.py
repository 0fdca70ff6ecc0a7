"""What is an error for want of memory, and what is not."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from pytest_vlm.errors import EngineError
from pytest_vlm.memory.out_of_memory import is_out_of_memory


def raised(make) -> Exception:
    with pytest.raises(Exception) as caught:
        make()
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        raised(lambda: torch.empty(1 << 50)),
        raised(lambda: bytearray(1 << 60)),
        raised(lambda: __import__("numpy").empty(1 << 50)),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("not enough memory: you tried to allocate 8589934592 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.02 GB)"),
        RuntimeError("XPU out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("could not create a primitive"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=lambda error: f"{type(error).__name__} {error}"[:40],
)
def test_failed_allocations(error):
    assert is_out_of_memory(error)
    wrapped = EngineError("B could not be loaded")
    wrapped.__cause__ = error
    assert is_out_of_memory(wrapped)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("CUDA error: no kernel image is available for execution on the device"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
        RuntimeError("could not create a primitive descriptor for a matmul primitive"),
        ValueError("a question about an out of memory error"),
        OSError(2, "No such file or directory"),
        AssertionError("out of memory"),
    ],
    ids=str,
)
def test_other_errors(error):
    assert not is_out_of_memory(error)


def test_a_broken_device_is_no_lack_of_memory_whatever_came_of_it():
    error = torch.OutOfMemoryError("CUDA out of memory")
    error.__cause__ = RuntimeError("CUDA error: an illegal memory access was encountered")
    assert not is_out_of_memory(error)


def test_what_was_merely_being_handled_is_no_cause():
    error = ValueError("bad picture")
    error.__context__ = MemoryError()
    assert not is_out_of_memory(error)


def test_nothing_is_imported_to_tell():
    code = (
        "import sys\n"
        "from pytest_vlm.memory.out_of_memory import is_out_of_memory\n"
        "from pytest_vlm.memory.release import empty_cache\n"
        "assert is_out_of_memory(MemoryError()); empty_cache('cuda:0')\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
