"""Families of operations are found: each file of a folder is one, so that a new file is all that a new family takes.

Those that few networks need are read on demand: their operations are listed here, and their files, here and in the
targets, are imported when one of them is looked up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from importlib import import_module
from pkgutil import iter_modules

ON_DEMAND: dict[str, tuple[str, ...]] = {
    "conversion": ("to",),
    "creation": ("zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "linspace", "eye"),
    "nonlinearity": (
        *("celu", "selu", "hardshrink", "softshrink", "tanhshrink", "softsign", "logsigmoid", "mish", "threshold"),
        *("log_softmax", "softmin", "softmax2d", "hardtanh", "rrelu", "prelu", "glu"),
    ),
    "selection": ("where", "masked_fill"),
}
"""The operations of each family that is read on demand."""


def import_families(package: str, folder: Iterable[str], without: Collection[str] = ()) -> tuple[str, ...]:
    """Imports every file of a package, in alphabetical order, but those `without` a family and those read on
    demand. Returns their names."""
    skipped = {*without, *ON_DEMAND}
    found = sorted(item.name for item in iter_modules(folder) if not item.ispkg and item.name not in skipped)
    for name in found:
        import_module(f"{package}.{name}")
    return tuple(found)
