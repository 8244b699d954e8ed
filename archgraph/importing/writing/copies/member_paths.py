"""The paths of all modules that a group with copies stands for."""

from __future__ import annotations

from collections.abc import Iterator

from archgraph.importing.writing.classes.templates import WrittenStatement
from archgraph.importing.writing.copies.alike_sections import SECTIONS, paths_in_sections
from archgraph.importing.writing.copies.repeated_groups import GROUP, paths_in_group
from archgraph.importing.writing.copies.repeated_stages import paths_in_stages


def member_paths(statement: WrittenStatement) -> Iterator[str]:
    """The paths, copy by copy, stage by stage or section by section."""
    if statement.term.kind == SECTIONS:
        return paths_in_sections(statement)
    return paths_in_group(statement) if statement.term.kind == GROUP else paths_in_stages(statement)
