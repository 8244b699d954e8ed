"""Where the files lie that ship with archgraph and are no code."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def shipped_specs() -> Path:
    """The folder of the model collection: inside an installed package, next to it in a checkout."""
    inside = PACKAGE / "specs"
    return inside if inside.is_dir() else PACKAGE.parent / "specs"


def gallery() -> Path:
    """The folder of the collection's pictures, one for each spec: in a checkout alone, packages hold none."""
    return PACKAGE.parent / "exports" / "gallery"
