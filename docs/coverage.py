"""The page on what of torch.nn there is: each class and each function, with what it is here."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

import torch

from archgraph.language.library import standard_blocks
from archgraph.ops.contract import REGISTRY
from archgraph.ops.counterparts import counterpart, normalized

CONTAINERS = (
    *("Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Container"),
    *("Parameter", "Buffer", "UninitializedParameter", "UninitializedBuffer", "DataParallel"),
)
"""Classes that hold modules and tensors, which the language itself is for."""
LOSSES = ("loss", "_entropy", "cross_entropy", "kl_div", "nll", "triplet", "cosine_embedding", "ctc")


NOTHING = "this computes nothing"
TORCH = ".".join(torch.__version__.split(".")[:2])


def of_another_torch(text: str) -> bool:
    """Whether a page counts what another release of torch has."""
    return f"(torch {TORCH})" not in text


class Row(NamedTuple):
    """A name of torch's, what it is here, and how it counts: `operation`, `block`, `recipe` or `gap`."""

    name: str
    kind: str
    text: str


def coverage() -> str:
    """The page."""
    classes, functions = list(_rows(torch.nn, "nn", True)), list(_rows(torch.nn.functional, "F", False))
    parts = [
        "# What of torch.nn there is\n",
        f"Every class of `torch.nn` (torch {TORCH}) that is no loss, no lazy variant, no container and no base class, "
        "and every function of `torch.nn.functional` that is no loss. A *recipe* is a few nodes in the place of one; "
        "`check` shows it where somebody writes torch's name.\n",
        _count("classes", classes),
        _count("functions", functions),
        "## Gaps\n",
        _table((row for row in (*classes, *functions) if row.kind == "gap"), "why"),
        "## Classes\n",
        _table((row for row in classes if row.kind != "gap"), "here"),
        "## Functions\n",
        _table((row for row in functions if row.kind != "gap"), "here"),
    ]
    return "\n".join(parts)


def _rows(module: ModuleType, prefix: str, classes: bool) -> Iterator[Row]:
    for name in sorted(dir(module), key=str.lower):
        found = getattr(module, name)
        if name.startswith("_") or not callable(found) or inspect.isclass(found) is not classes:
            continue
        if name in CONTAINERS or name.startswith("Lazy") or any(word in name.lower() for word in LOSSES):
            continue
        if not classes and getattr(found, "__module__", "").startswith("typing"):
            continue
        entry = counterpart(name, REGISTRY)
        if entry is None or entry.words != NOTHING:
            yield _row(f"{prefix}.{name}")


def _row(name: str) -> Row:
    blocks = {normalized(block): block for block in standard_blocks()}
    if normalized(name) in blocks:
        return Row(name, "block", f"`{blocks[normalized(name)]}`, a block")
    entry = counterpart(name, REGISTRY)
    if entry is None:
        return Row(name, "gap", "there is none yet")
    if entry.operation:
        renamed = ", ".join(f"`{theirs}` is `{ours}`" for theirs, ours in entry.arguments)
        return Row(name, "operation", f"`{entry.operation}`" + (f"; {renamed}" if renamed else ""))
    if entry.recipe:
        return Row(name, "recipe", f"`{entry.recipe}`" + (f"; {entry.words}" if entry.words else ""))
    return Row(name, "gap", entry.words)


def _count(what: str, rows: list[Row]) -> str:
    kinds = [row.kind for row in rows]
    there = len(rows) - kinds.count("gap")
    parts = ", ".join(f"{kinds.count(kind)} {kind}s" for kind in ("operation", "block", "recipe", "gap"))
    return f"- Of {len(rows)} {what}, {there} ({there / len(rows):.0%}) are there: {parts}."


def _table(rows: Iterator[Row], column: str) -> str:
    lines = [f"| torch | {column} |", "| --- | --- |"]
    lines += [f"| `{row.name}` | {row.text.replace('|', chr(92) + '|')} |" for row in rows]
    return "\n".join(lines) + "\n"
