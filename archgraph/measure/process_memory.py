"""The resident memory of a process, and its peak since the last reset."""

from __future__ import annotations

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
FORGET = Path("/proc/self/clear_refs")
UNIT = 1024


def resident() -> int:
    """The bytes that this process holds now; where the system does not say, the most that it has held."""
    return _status("VmRSS") or peak()


def peak() -> int:
    """The most bytes that this process has held since `forget_peak`; elsewhere than on Linux, since it began."""
    if found := _status("VmHWM"):
        return found
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * UNIT


def forget_peak() -> None:
    """Resets the peak to the memory that is resident now, where the system can do that."""
    try:
        FORGET.write_text("5")
    except OSError:
        return


def _status(key: str) -> int:
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith(f"{key}:")]
    return int(found[0]) * UNIT if found else 0
