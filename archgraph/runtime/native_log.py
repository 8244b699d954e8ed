"""What native code writes to the error stream, captured for a moment.

ONNX Runtime prints why a provider fails to load instead of raising it. That text is the reason a person needs, and it
belongs into the error, not between the lines of a progress bar.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
import threading
from collections.abc import Iterator

_STDERR = 2
_ONE_AT_A_TIME = threading.Lock()


class CapturedOutput:
    """The text, complete once the `with` block is left."""

    text = ""


@contextlib.contextmanager
def captured_output() -> Iterator[CapturedOutput]:
    """Takes what native code writes to file descriptor 2, and what Python code prints, while the block runs."""
    caught = CapturedOutput()
    printed = io.StringIO()
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as file:
        try:
            kept = os.dup(_STDERR)
        except OSError:  # a process without an error stream: there is nothing to divert
            kept = -1
        try:
            if kept >= 0:
                os.dup2(file.fileno(), _STDERR)
            with contextlib.redirect_stdout(printed):
                yield caught
        finally:
            if kept >= 0:
                os.dup2(kept, _STDERR)
                os.close(kept)
            file.seek(0)
            caught.text = printed.getvalue() + file.read().decode(errors="replace")


def reasons(log: str) -> str:
    """The messages of ONNX Runtime's log, without colours, times and source lines."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", log)
    found = re.findall(r"with error: (.+)", plain) + re.findall(r"Failed to load ([^:\s]+: .+)", plain)
    found += re.findall(r"(Require [^\n]*?)(?:\. Please|\n|$)", plain)
    if not found:
        found = re.findall(r"\[[EWF]:onnxruntime:[^\]]*\] (.+)", plain)
    return "; ".join(dict.fromkeys(part.strip() for part in found))
