"""Tells an error for want of memory from every other one."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator

ALLOCATION = (
    "defaultcpuallocator: can't allocate memory",
    "not enough memory: you tried to allocate",
    "std::bad_alloc",
    "bad allocation",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "out of memory",
)
"""How libraries say it in a RuntimeError, in lower case: torch on the CPU (Linux, Windows), C++,
cuBLAS, cuDNN, and the allocators of MPS, XPU and older versions of torch."""

ONEDNN = "could not create a primitive"
"""All that oneDNN says of it, on the CPU; of what it has no kernel for it says more."""

OTHER_ERRORS = ("illegal memory access", "device-side assert")
"""After these a CUDA context is of no use, whatever else the message says."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it, or what it was raised from, says that an allocation failed.

    Imports nothing: without torch there is no error of torch's.
    """
    chain = list(_causes(error))
    told = [str(one).lower() for one in chain]
    if any(words in text for text in told for words in OTHER_ERRORS):
        return False
    return any(map(_is_one, chain, told))


def _is_one(error: BaseException, text: str) -> bool:
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    return text == ONEDNN or any(words in text for words in ALLOCATION)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """It, and what it was raised from."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__
