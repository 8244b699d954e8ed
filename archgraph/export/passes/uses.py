"""Who makes and who reads each value of a program: what passes look at before they change it."""

from __future__ import annotations

from dataclasses import dataclass

from archgraph.export.lowering.program import OnnxNode, Program

NORMS = ("GroupNorm", "SkipGroupNorm")
"""ONNX Runtime's own group norms, which stand between transposes."""


@dataclass(frozen=True, slots=True)
class ValueUses:
    """Who makes and who reads each value."""

    made: dict[str, OnnxNode]
    reads: dict[str, list[OnnxNode]]
    outputs: frozenset[str]

    @classmethod
    def of(cls, program: Program) -> ValueUses:
        made = {name: node for node in program.nodes for name in node.outputs}
        reads: dict[str, list[OnnxNode]] = {}
        for node in program.nodes:
            for name in node.reads:
                reads.setdefault(name, []).append(node)
        return cls(made, reads, frozenset(program.outputs))

    def readers(self, name: str) -> list[OnnxNode]:
        """The operators that read a value; none where the file hands it out, so that nobody leaves it out."""
        return [] if name in self.outputs else self.reads.get(name, [])

    def only_reader(self, name: str, kind: str) -> OnnxNode | None:
        """The operator that alone reads a value, where it is of that kind."""
        readers = self.readers(name)
        return readers[0] if len(readers) == 1 and readers[0].kind == kind else None

    def maker(self, name: str, *kinds: str) -> OnnxNode | None:
        """The operator that makes a value, where it is of one of these kinds."""
        found = self.made.get(name)
        return found if found is not None and found.kind in kinds else None
