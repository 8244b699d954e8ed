"""Which processor this is: ONNX Runtime lays weights out for the instructions that it finds."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

TOLD = frozenset(
    {
        *("vendor_id", "cpu family", "model", "model name", "stepping", "flags"),
        *("CPU implementer", "CPU part", "Features"),
    }
)


@functools.cache
def processor() -> str:
    """Model and instructions, as far as the system tells them."""
    general = (platform.system(), platform.machine(), platform.processor())
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux: the processor's name stands for its instructions
        text = ""
    return "; ".join((*general, *first_processor(text)))


def first_processor(text: str) -> list[str]:
    """The telling lines of the first processor in /proc/cpuinfo, instructions in alphabetical order."""
    first = text.strip().partition("\n\n")[0]
    pairs = [(key.strip(), value.split()) for key, _, value in (line.partition(":") for line in first.splitlines())]
    return [
        f"{key}: {' '.join(sorted(value) if key in ('flags', 'Features') else value)}"
        for key, value in pairs
        if key in TOLD
    ]
