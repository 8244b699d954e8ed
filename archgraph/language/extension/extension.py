"""How a document was made of another one, so that an error in it names the lines of both files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from archgraph.errors import ArchgraphError, Mark, Problem


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one node: where the node stands in the base, and what the extension says of it."""

    address: str
    change: str
    mark: Mark | None
    lines: range
    node: Mark | None


@dataclass(frozen=True, slots=True)
class Extension:
    """One step from a base to what extends it. `removed` are the nodes that are gone, by their addresses."""

    name: str
    base: str
    file: str
    mark: Mark | None
    edits: tuple[Edit, ...]
    removed: Mapping[str, Mark | None]

    def explained(self, problem: Problem) -> Problem:
        """The problem with a note on the other of the two files."""
        if problem.where is None:
            return problem
        note = self._in_base(problem.where) if problem.where.file == self.file else self._in_extension(problem.where)
        if note is None or any(known == note[1] for _, known in problem.notes) or note[1] == problem.where:
            return problem
        return replace(problem, notes=(*problem.notes, note))

    def _in_base(self, where: Mark) -> tuple[str, Mark | None] | None:
        """What of the base the line of the extension is about."""
        edit = next((edit for edit in self.edits if where.line in edit.lines and edit.node is not None), None)
        return None if edit is None else (f"'{edit.change}' changes '{edit.address}' of {self.base}", edit.node)

    def _in_extension(self, where: Mark) -> tuple[str, Mark | None]:
        """What the extension does to the line of the base; else where it extends it."""
        for edit in self.edits:
            if edit.node is not None and (edit.node.file, edit.node.line) == (where.file, where.line):
                return f"'{edit.change}' of {self.name} changes it", edit.mark
        return f"{self.name} extends {self.base} here", self.mark


def explained(error: ArchgraphError, extensions: tuple[Extension, ...]) -> ArchgraphError:
    """The error with the places in all files that the network was made of."""
    if not extensions:
        return error
    problems = list(error.problems)
    for extension in extensions:
        problems = [extension.explained(problem) for problem in problems]
    return type(error)(*problems)
