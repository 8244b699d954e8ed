"""Writes the generated pages of this folder, the outputs that hand-written pages show, and the
galleries' pictures.

    python docs/generate.py            writes what is stale
    python docs/generate.py --check    names what is stale, and exits with 1 where something is

Needs the package with its `test` extra; torch runs for python.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import blocks_page
import coverage
import fences
import gallery
import models_page
import operations_page
import sketches

from archgraph.importing.writing.modules.weight_names import weight_names_file

DOCS = Path(__file__).parent

GENERATED: dict[str, Callable[[], str]] = {
    "operations.md": operations_page.operations,
    "blocks.md": blocks_page.blocks,
    "models.md": models_page.models,
    "coverage.md": coverage.coverage,
}
DATA: dict[str, Callable[[], str]] = {
    "../specs/key_sketches.json": sketches.key_sketches,
    "../archgraph/blocks/weight_names.json": weight_names_file,
}
"""Files that are no pages; a test holds a part of them."""
RECORDED = ("language.md", "recipes.md", "sizes.md", "python.md", "importing.md", "../README.md")


def page(name: str) -> str:
    """What a page of this folder should hold. Raises PageError where one of its blocks does not do what it should."""
    if name in GENERATED or name in DATA:
        return (GENERATED | DATA)[name]()
    try:
        return fences.recorded((DOCS / name).read_text(encoding="utf-8"))
    except fences.PageError as error:
        raise fences.PageError(f"docs/{name}, {error}") from error


def stale(name: str) -> str | None:
    """What a page should hold, where it holds something else."""
    path = DOCS / name
    if name == "coverage.md" and path.is_file() and coverage.of_another_torch(path.read_text(encoding="utf-8")):
        return None
    wanted = page(name)
    return None if path.is_file() and path.read_text(encoding="utf-8") == wanted else wanted


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes the generated parts of the documentation.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where something is stale")
    check = parser.parse_args().check
    try:
        found = {name: text for name in (*GENERATED, *DATA, *RECORDED) if (text := stale(name)) is not None}
    except fences.PageError as error:
        print(error, file=sys.stderr)
        return 1
    for name, text in found.items():
        if not check:
            (DOCS / name).write_text(text, encoding="utf-8")
        print(f"docs/{name} {'is stale: run python docs/generate.py' if check else 'written'}")
    old = {shown: shown.stale() for shown in gallery.GALLERIES}
    for shown, names in old.items():
        for line in (f"{shown.picture(name)} is stale" for name in names) if check else shown.draw(names):
            print(line)
    return int(check and bool(found or any(old.values())))


if __name__ == "__main__":
    sys.exit(main())
