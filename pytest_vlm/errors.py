"""The exceptions of pytest-vlm.

::

    VlmError                        everything below; the message ends with the next step
     ├─ SettingsError               an option, a marker or a checkpoint name that makes no sense
     ├─ SamplesError                a samples file, an image or a region that cannot be used
     ├─ CheckpointError             a checkpoint that is missing, incomplete or not a checkpoint
     │   └─ CheckpointMismatch      two checkpoints that cannot be compared as they are
     ├─ MemoryBudgetError           a checkpoint for which there is no room beside the others
     ├─ RelevanceBudgetError        maps that would take more forward passes than allowed
     ├─ EngineError                 a model that could not answer
     │   └─ RelevanceUnavailable    a checkpoint that gives no relevance map
     ├─ StatisticsError (ValueError)  arrays that cannot be compared
     ├─ LogError                    a sample log that cannot be read, or paired with another
     ├─ GoldenError                 a golden that cannot be read or written
     └─ AppError                    the app under test did not start or did not answer

    AssertionError
     ├─ ClaimNotShown               a claim ended as fail or inconclusive; says which
     └─ MemoryLimitExceeded         a block took more than its limit, or could not be measured
"""

from __future__ import annotations


class VlmError(Exception):
    """Base of every error that pytest-vlm raises on purpose."""


class SettingsError(VlmError):
    """An option, a marker or a checkpoint specification is not usable."""


class SamplesError(VlmError):
    """A samples file, or something it names, is not usable."""


class CheckpointError(VlmError):
    """A checkpoint is missing, incomplete, or not a checkpoint."""


class CheckpointMismatch(CheckpointError):
    """Baseline and candidate differ in something that a comparison must hold equal."""


class MemoryBudgetError(VlmError):
    """There is no room for a checkpoint, and nothing that is not in use can be dropped."""


class EngineError(VlmError):
    """A model could not be loaded or could not answer."""


class RelevanceUnavailable(EngineError):
    """The checkpoint gives no relevance map."""


class RelevanceBudgetError(VlmError):
    """A method of making maps would take more forward passes than allowed.

    The checkpoint could give them, so that this is no `RelevanceUnavailable`, which may skip.
    """


class StatisticsError(VlmError, ValueError):
    """The numbers handed to a statistical test cannot be compared."""


class LogError(VlmError):
    """A sample log cannot be read, or two of them cannot be paired."""


class GoldenError(VlmError):
    """A golden cannot be read, written or named."""


class AppError(VlmError):
    """The app under test did not start, or did not answer."""


class ClaimNotShown(AssertionError):
    """A claim ended as ``fail`` or ``inconclusive``.

    Attributes:
        verdict: ``"fail"`` or ``"inconclusive"``.
    """

    def __init__(self, message: str, *, verdict: str) -> None:
        super().__init__(message)
        self.verdict = verdict


class MemoryLimitExceeded(AssertionError):
    """A block of work took more memory than it may, or its limit could not be measured."""
