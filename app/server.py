"""Serving the page on one port, out of a folder that goes away with it."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

STYLE = Path(__file__).with_name("page.css")
WILDCARDS = ("", "0.0.0.0")

# Enlarged digits should stay pixels, shrunken photos should not become grain.
KEEP_PIXELS = """
<script>
document.addEventListener('load', event => {
  const picture = event.target;
  if (picture.closest?.('#mic-picture, .mic-examples, .mic-card'))
    picture.classList.toggle('mic-pixels', picture.naturalWidth < 256);
}, true);
</script>
"""


@contextmanager
def private_environment() -> Iterator[None]:
    """Before gradio and torch are imported: no telemetry, no hub, and a folder that is removed.

    Uploads go there too, unless the parent process chose another place, which is its to remove.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory(prefix="vlm-app-", ignore_cleanup_errors=True) as folder:
        # Torch leaves a folder for compiled kernels, Gradio its copies: neither cleans up.
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        os.environ.setdefault("GRADIO_TEMP_DIR", str(Path(folder, "gradio")))
        yield


def listen(page: gr.Blocks, host: str, port: int, largest_file: int) -> str:
    """Serve in the background.

    Args:
        page: what to serve.
        host: an address or name of this machine.
        port: 0 for a free one.
        largest_file: bytes of an upload.

    Returns:
        The URL to open on this machine.

    Raises:
        OSError: the port is taken, or the host is not this machine.
    """
    import gradio as gr

    font = ["ui-sans-serif", "system-ui", "sans-serif"]
    mono = ["ui-monospace", "monospace"]
    port = port or _free_port(host)
    page.launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        max_file_size=largest_file,
        footer_links=["api"],
        theme=gr.themes.Default(
            primary_hue="indigo", neutral_hue="slate", radius_size="lg", font=font, font_mono=mono
        ).set(body_background_fill="*neutral_50", body_background_fill_dark="*neutral_950"),
        css_paths=STYLE,
        head=KEEP_PIXELS,
    )
    return f"http://{'127.0.0.1' if host in WILDCARDS else host}:{port}"


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
