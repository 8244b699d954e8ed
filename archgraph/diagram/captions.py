"""What is written in a box: the author's name, one grey line of what it is and its size, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, groupby, pairwise
from math import prod
from pathlib import PurePath

from archgraph.diagram.flat_flow import Branch, Leaf, Network, Part
from archgraph.diagram.roles import Role, parametrization_word, role_of, word, work
from archgraph.diagram.shapes import Wording, channels, spatial
from archgraph.diagram.shortcuts import ends_residual, single_steps
from archgraph.diagram.table_words import is_long_table, operations, results
from archgraph.diagram.units import (
    WORK,
    FoldedRun,
    Unit,
    adds,
    attached_to,
    is_bare,
    is_constant,
    is_light,
    noun,
    telling,
)
from archgraph.dims import Dim
from archgraph.graph.cost import trainable

LONGEST_TITLE, LONGEST_LINE = 24, 46
MOST_KINDS = 3
MOST_IN_A_CHAIN = 6
MOST_LISTED = 5


@dataclass(frozen=True, slots=True)
class Caption:
    """What a box says beside its cost, and its role."""

    title: str
    line: str
    role: Role


class Captions:
    """Writes captions for the parts of one network."""

    def __init__(self, network: Network, wording: Wording):
        self._network = network
        self._wording = wording

    def unit(self, unit: Unit) -> Caption:
        """For parts that are drawn once."""
        shown = unit.shown
        if is_long_table(unit):
            title, line = ", ".join(map(self._name, results(self._network, unit))), self._table(unit)
        elif unit.start in self._network.aside:
            title, line = self._name(shown[-1]), self._aside(unit)
        elif isinstance(shown[0], Branch) and len(shown) == 1:
            title = self._name(shown[0])
            line = self._branch_line(shown[0]).removeprefix(f"{title} · ")
        elif len(shown) > MOST_IN_A_CHAIN:
            title, line = (
                f"{self._place(shown[0])} … {self._place(shown[-1])}",
                f"{len(shown)} layers · {self._said([unit])}",
            )
        elif any(isinstance(part, Branch) for part in shown):
            title, line = ", ".join(map(noun, shown)), self._said([unit])
        else:
            leaves = [part for part in shown if isinstance(part, Leaf)]
            title, line = self._chain(leaves)
            named = line == word(leaves[0].node.op) and line in title.split(", ")
            line = self._stored(unit) or " + ".join(("" if named else line, *self._constants(unit))).strip()
        return self._caption(title, line, [unit])

    def fold(self, fold: FoldedRun) -> Caption:
        """For a period of closed units that repeats: `(resnet, attention) × 3`."""
        units = [entry for entry in fold.entries if isinstance(entry, Unit)]
        last = units[len(fold.period) - 1 :: len(fold.period)]
        leaves = [part for unit in units[: len(fold.period)] for part in unit.shown if isinstance(part, Leaf)]
        workers = [work(leaf.node) for leaf in leaves if role_of(leaf.node) in WORK]
        line = " · ".join([*workers[:1], self._said(last)])
        return self._caption(f"{self.nouns(fold)} × {fold.times}", line, units)

    def nouns(self, fold: FoldedRun) -> str:
        """What repeats: `resnet`, or `(resnet, attention)`."""
        entries = fold.period
        parts = [part for e in entries for part in (e.shown if isinstance(e, Unit) else (e.branch,))]
        names = list(map(noun, parts))
        return names[0] if len(names) == 1 else f"({', '.join(names)})"

    def parameters(self, leaves: Iterable[int]) -> int:
        """How many trainable numbers these leaves own."""
        return sum(map(self._network.parameters.__getitem__, leaves))

    def _caption(self, title: str, line: str, units: Sequence[Unit]) -> Caption:
        role = self._role([part for unit in units for part in unit.parts])
        if units[0].start in self._network.aside or all(map(is_long_table, units)):
            role = "embedding"
        return Caption(title, "" if line == title else line, role)

    def attached(self, units: Iterable[Unit]) -> list[Leaf]:
        """The free tensors that are drawn in the box of these units, because only they read them."""
        inside = {index for unit in units for part in unit.parts for index in range(part.start, part.stop)}
        sources = {s.leaf for index in inside for s in self._network.leaves[index].sources if s.leaf >= 0}
        found = [self._network.leaves[index] for index in sorted(sources)]
        return [leaf for leaf in found if not leaf.sources and attached_to(self._network, leaf) in inside]

    def _constants(self, unit: Unit) -> list[str]:
        """The names of free tensors that are added or joined here; those of an operation's own go without saying."""
        if any(isinstance(part, Leaf) and role_of(part.node) in WORK for part in unit.parts):
            return []
        return [leaf.name for leaf in self.attached([unit]) if trainable(leaf.node)]

    def _stored(self, unit: Unit) -> str:
        """What a stored value is computed from: `stored arange, sin`; '' for what stores none."""
        leaves = [*self.attached([unit]), *(part for part in unit.parts if isinstance(part, Leaf))]
        steps = [word(leaf.node.op) for leaf in leaves if leaf.node.op.name != "register_buffer"]
        return f"stored {', '.join(steps)}" if steps and len(steps) < len(leaves) else ""

    def _table(self, unit: Unit) -> str:
        """`9 operations, no input · 49×49`."""
        leaves = {*self._network.leaves[unit.start : unit.stop], *self.attached([unit])}
        return " · ".join(text for text in (operations(leaves), self._said([unit])) if text)

    # Titles and lines

    def _name(self, part: Part) -> str:
        """The author's name. Where that is a number in a list or says nothing: the block's, the one in the source, or
        what it holds."""
        return telling(part) if is_bare(part.name) else part.name

    def _place(self, part: Part) -> str:
        """A name in a row of names, where numbers say enough."""
        return part.name if part.name.isdigit() else self._name(part)

    def _aside(self, unit: Unit) -> str:
        leaves = self._network.leaves[unit.start : unit.stop]
        linear = [leaf for leaf in leaves if leaf.node.op.name == "linear"]
        if not linear:
            stored = len(leaves) > 2 and all(map(self._network.is_tabled, unit.parts))
            return self._table(unit) if stored else self._work(leaves[-1])
        return self._features(linear) if self._is_sequence(linear) else self._said([unit])

    def _chain(self, leaves: Sequence[Leaf]) -> tuple[str, str]:
        """Title and line for a chain of operations, named by its names, or by the one that does the work."""
        workers = [leaf for leaf in leaves if role_of(leaf.node) in WORK] or [leaves[0]]
        numbered = all(leaf.name.isdigit() for leaf in leaves)
        names = ", ".join(dict.fromkeys(map(self._name, leaves)))
        if len(leaves) == 1:
            return self._name(leaves[0]), self._work(leaves[0])
        if len(names) <= LONGEST_TITLE:
            return names, self._work(workers[0])
        line = ", ".join(self._work(leaf) for leaf in leaves)
        return f"{self._name(workers[0])} {leaves[0].name} – {leaves[-1].name}" if numbered else self._name(
            workers[0]
        ), line

    def _work(self, leaf: Leaf) -> str:
        if leaf.node.op.name == "linear":
            return ", ".join(filter(None, (f"linear {self._features([leaf])}", parametrization_word(leaf.node.op))))
        return work(leaf.node) if role_of(leaf.node) != "join" else word(leaf.node.op)

    def _features(self, leaves: Sequence[Leaf]) -> str:
        """`128 → 512 → 512`."""
        widths: list[Dim] = [leaves[0].node.types.main.shape[-1], *(leaf.node.output.shape[-1] for leaf in leaves)]
        return " → ".join(map(self._wording.size, widths))

    def _computing(self, branch: Branch) -> Sequence[Leaf]:
        """What a call computes from its inputs; where that is nothing, what it computes at all."""
        leaves = self._network.leaves[branch.start : branch.stop]
        found = [leaf for leaf in leaves if leaf.index not in self._network.constant]
        return found or [leaf for leaf in leaves if not is_constant(leaf)]

    def _is_sequence(self, leaves: Sequence[Leaf]) -> bool:
        """Whether each reads what the one before it has led to, and nothing else does."""
        return all(
            before.index in {source.leaf for source in single_steps(self._network, after.sources[0], before.index + 1)}
            for before, after in pairwise(leaves)
        )

    def steps(self, branch: Branch) -> str:
        """` for each of L`, of a block that is applied to each slice of a sequence in turn."""
        return f" for each of {self._wording.size(branch.call.scan.length)}" if branch.call.scan else ""

    def _branch_line(self, branch: Branch) -> str:
        return f"{self._branch_work(branch)}{self.steps(branch)}".strip()

    def _branch_work(self, branch: Branch) -> str:
        leaves = self._computing(branch)
        workers = [leaf for leaf in leaves if leaf.node.weights]
        linear = workers and len(workers) <= MOST_KINDS and all(leaf.node.op.name == "linear" for leaf in workers)
        if linear and self._is_sequence(workers):
            return self._features(workers)
        working = [leaf for leaf in leaves if role_of(leaf.node) in WORK]
        if self._part_role(branch) == "resampling" and len(working) <= MOST_KINDS:
            return ", ".join(map(self._work, working))
        held = self._work(working[0]) if len(working) == 1 else self._held(branch)
        text = " · ".join(text for text in (held, self._said([branch])) if text)
        return text if len(text) <= LONGEST_LINE else self._said([branch])

    def _held(self, branch: Branch) -> str:
        """What a call holds, where that is short: its block, or `bottleneck × 3`; of a block that its own name tells,
        what it repeats."""
        block = branch.call.kind == "block"
        if block and branch.call.block not in (branch.name, noun(branch).rstrip("s")):
            return branch.call.block
        nouns = [noun(part) for part in _unchained(branch.parts) if not is_light(part)]
        runs = [(name, len(list(run))) for name, run in groupby(nouns)]
        if block and (len(runs) != 1 or runs[0][1] == 1):
            return ""
        text = ", ".join(name if times == 1 else f"{name} × {times}" for name, times in runs)
        return text if len(runs) <= MOST_KINDS and len(text) <= LONGEST_TITLE else ""

    def _said(self, units: Sequence[Unit | Part]) -> str:
        leaves = [self._network.leaves[self._network.exit(unit.start, unit.stop)] for unit in units]
        shapes = [leaf.node.output.shape for leaf in leaves]
        return self._wording.said(shapes) if leaves[-1].index not in self._network.tabled else self._sizes(shapes[-1])

    def _sizes(self, shape: Sequence[Dim]) -> str:
        """`6×196×196` for [1, 6, 196, 196]: what no input reaches has no batch, and often no channels."""
        return "×".join(map(self._wording.factor, dropwhile(lambda size: size == 1, shape)))

    # Roles

    def _role(self, parts: Sequence[Part]) -> Role:
        roles = [self._part_role(part) for part in parts]
        if "join" in roles and not set(roles) & set(WORK) - {"join"} and any(map(adds, parts)):
            return "join"
        for role in ("attention", "residual", "convolution", "resampling", "embedding", "norm", "activation", "join"):
            if role in roles:
                return role
        return "move"

    def _part_role(self, part: Part) -> Role:
        if isinstance(part, Leaf):
            return role_of(part.node)
        leaves = self._computing(part)
        roles = [role_of(leaf.node) for leaf in leaves]
        if "attention" in roles:
            return "attention"
        if any(ends_residual(self._network, leaf, part.start) for leaf in leaves):
            return "residual"
        dressed = "resampling" not in roles and ("norm" in roles or "activation" in roles)
        if roles.count("convolution") <= 1 and not dressed and self._resamples(part):
            return "resampling"
        return self._role(list(leaves))

    def _resamples(self, part: Part) -> bool:
        """Whether its result has another size than the largest of its inputs."""
        entries = self._network.entries(part.start, part.stop)
        read = [source for source in entries if source.leaf not in self._network.constant]
        if not read:
            return False
        before = self._network.value(max(read, key=lambda source: prod(self._network.measure(source)))).shape
        after = self._network.leaves[self._network.exit(part.start, part.stop)].node.output.shape
        return len(before) == len(after) and spatial(before) != spatial(after) and channels(after) != 1

    # Tooltips

    def tooltip(self, start: int, stop: int, copies: Sequence[range], price: Sequence[str]) -> str:
        """The rest: paths, exact shapes, parameters, the line in the source."""
        network, wording = self._network, self._wording
        inside = network.leaves[start:stop]
        first, last = inside[0], network.leaves[network.exit(start, stop)]
        values = [network.value(source) for source in network.entries(start, stop)]
        lines = [first.path if len(inside) == 1 else f"{first.path} … {inside[-1].path}"]
        lines += [f"in {value.name} {wording.full(value.shape)}" for value in values[:MOST_KINDS]]
        lines += [f"out {wording.full(value.shape)}" for value in last.node.outputs]
        lines += self._widths(copies)
        lines += price
        mark = first.node.origin.mark
        lines += [f"{PurePath(mark.file).name}:{mark.line}"] if mark else []
        return "\n".join(lines)

    def _widths(self, copies: Sequence[range]) -> list[str]:
        """The channels that folded copies read, where they differ; a vector beside an image does not count."""
        entries = [self._network.entries(copy.start, copy.stop) for copy in copies]
        values = [[self._network.value(source).shape for source in sources] for sources in entries]
        shapes = [max(read, key=len) for read in values if read]
        widths = list(map(channels, shapes))
        return [f"the {len(widths)} copies read different channels: {listed(widths)}"] if len(set(widths)) > 1 else []


def _unchained(parts: Iterable[Part]) -> Iterator[Part]:
    """Parts with the copies of blocks in the place of their chain, whose name says less than the block's."""
    for part in parts:
        chain = isinstance(part, Branch) and part.call.kind == "repeat"
        copies = part.parts if chain and isinstance(part, Branch) else ()
        if copies and all(isinstance(copy, Branch) and copy.call.kind == "block" for copy in copies):
            yield from copies
        else:
            yield part


def listed(numbers: Sequence[Dim]) -> str:
    """Numbers in a row; of many the first and the last."""
    shown = [f"{number:,}" if isinstance(number, int) else str(number) for number in numbers]
    return ", ".join(shown if len(shown) <= MOST_LISTED else [*shown[: MOST_LISTED - 1], "…", shown[-1]])
