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


def cores() -> int:
    """How many cores this process may use now; two threads of one core count once where the system reports them."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    return core_count(_cpuinfo(), usable)


def core_count(text: str, usable: Set[int]) -> int:
    """The different cores of the usable processors in /proc/cpuinfo; their number where it does not tell."""
    places = {}
    for fields in map(_fields, text.strip().split("\n\n")):
        if {"processor", "physical id", "core id"} <= fields.keys():
            places[int(fields["processor"])] = fields["physical id"], fields["core id"]
    return len({places.get(processor, processor) for processor in usable})


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


@functools.cache
def processor() -> str:
    """Model and instruction sets, as far as the system reports them."""
    general = (platform.system(), platform.machine(), platform.processor())
    return "; ".join((*general, *first_processor(_cpuinfo())))


@functools.cache
def _cpuinfo() -> str:
    """The text of Linux's /proc/cpuinfo; '' elsewhere, where the processor's name stands for its instruction sets."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def first_processor(text: str) -> list[str]:
    """The telling lines of the first processor in /proc/cpuinfo, instructions in alphabetical order."""
    first = text.strip().partition("\n\n")[0]
    pairs = [(key, value.split()) for key, value in _fields(first).items()]
    return [
        f"{key}: {' '.join(sorted(value) if key in ('flags', 'Features') else value)}"
        for key, value in pairs
        if key in TOLD
    ]
