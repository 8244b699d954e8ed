"""Which processor this is, since ONNX Runtime lays weights out for its instructions, and how many cores it has."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Set
from pathlib import Path

TOLD = frozenset(
    {
        *("vendor_id", "cpu family", "model", "model name", "stepping", "flags"),
        *("CPU implementer", "CPU part", "Features"),
    }
)


@functools.cache
def cores() -> int:
    """How many cores this process may use; two threads of one core count once where the system tells."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return core_count(text, usable)


def core_count(text: str, usable: Set[int]) -> int:
    """The different cores of the usable processors in /proc/cpuinfo; their number where it does not tell."""
    places = {}
    for told in map(_fields, text.strip().split("\n\n")):
        if {"processor", "physical id", "core id"} <= told.keys():
            places[int(told["processor"])] = told["physical id"], told["core id"]
    return len({places.get(processor, processor) for processor in usable})


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


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
    pairs = [(key, value.split()) for key, value in _fields(first).items()]
    return [
        f"{key}: {' '.join(sorted(value) if key in ('flags', 'Features') else value)}"
        for key, value in pairs
        if key in TOLD
    ]
