"""What of a checkpoint's files decides how a question reaches the model."""

from __future__ import annotations

KINDS_OF_INPUT = {
    "template": "chat template",
    "tokenizer": "tokenizer",
    "processor": "image processor",
}
