"""Families of operations are found: each file of a folder is one, so that a new file is all that a new family takes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from importlib import import_module
from pkgutil import iter_modules


def import_families(package: str, folder: Iterable[str], without: Collection[str] = ()) -> tuple[str, ...]:
    """Imports every file of a package, in alphabetical order, but those `without` a family. Returns their names."""
    found = sorted(item.name for item in iter_modules(folder) if not item.ispkg and item.name not in without)
    for name in found:
        import_module(f"{package}.{name}")
    return tuple(found)
