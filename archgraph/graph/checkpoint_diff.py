"""What becomes of a checkpoint of one network in another: what fits, is reshaped, has moved, is new or gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from archgraph.graph.keys import KeyedWeight, weights
from archgraph.graph.text import attribute_text
from archgraph.graph.types import Graph

MOST_LISTED = 40
"""Lines of a kind in a text; the JSON form has all."""


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A tensor that both networks have, of another shape or type, or under another key."""

    before: str
    after: str
    shape_before: str
    shape_after: str


@dataclass(frozen=True, slots=True)
class CheckpointDifference:
    """The keys of a checkpoint of `before`, as `after` would load them."""

    before: str = ""
    after: str = ""
    fitting: tuple[str, ...] = ()
    reshaped: tuple[KeyChange, ...] = ()
    moved: tuple[KeyChange, ...] = ()
    new: tuple[tuple[str, str], ...] = ()
    gone: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.reshaped or self.moved or self.new or self.gone)

    @property
    def renames(self) -> dict[str, str]:
        """The keys of tensors that moved."""
        return {change.before: change.after for change in self.moved}

    def text(self) -> str:
        """How many keys fit, then a line for each that does not. Empty where all do."""
        if not self:
            return ""
        counts = {
            "fit": len(self.fitting),
            "change shape": len(self.reshaped),
            "moved": len(self.moved),
            "are new": len(self.new),
            "are gone": len(self.gone),
        }
        said = ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "fit")
        lines = [f"a checkpoint of {self.before} in {self.after}: of its keys {said}"]
        lines += _listed([f"  ~ {one.after}: {one.shape_before} → {one.shape_after}" for one in self.reshaped])
        lines += _listed([f"  > {one.before} → {one.after}" for one in self.moved])
        lines += _listed([f"  - {key} {shape}" for key, shape in self.gone])
        lines += _listed([f"  + {key} {shape}" for key, shape in self.new])
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "fitting": list(self.fitting),
            "reshaped": [{"key": c.after, "before": c.shape_before, "after": c.shape_after} for c in self.reshaped],
            "moved": [{"before": c.before, "after": c.after} for c in self.moved],
            "new": [{"key": key, "shape": shape} for key, shape in self.new],
            "gone": [{"key": key, "shape": shape} for key, shape in self.gone],
        }


def _listed(lines: list[str]) -> list[str]:
    left = len(lines) - MOST_LISTED
    return lines if left <= 0 else [*lines[:MOST_LISTED], f"{lines[0][:4]}and {left} more"]


def checkpoint_diff(a: Graph, b: Graph) -> CheckpointDifference:
    """What becomes of a checkpoint of `a` in `b`. A module that `b` has under another path has moved."""
    before, after = ({item.key: item for item in weights(graph)} for graph in (a, b))
    both = [key for key in before if key in after]
    gone = {key: item for key, item in before.items() if key not in after}
    new = {key: item for key, item in after.items() if key not in before}
    moved = dict(_moved(gone, new))
    targets = set(moved.values())
    return CheckpointDifference(
        before=a.title,
        after=b.title,
        fitting=tuple(key for key in both if _shape(before[key]) == _shape(after[key])),
        reshaped=tuple(_change(before[key], after[key]) for key in both if _shape(before[key]) != _shape(after[key])),
        moved=tuple(_change(before[old], after[new]) for old, new in moved.items()),
        new=tuple((key, _shape(item)) for key, item in new.items() if key not in targets),
        gone=tuple((key, _shape(item)) for key, item in gone.items() if key not in moved),
    )


def _shape(item: KeyedWeight) -> str:
    kind = "" if item.weight.dtype == "float32" else f" {item.weight.dtype}"
    return f"{list(item.weight.shape)}{kind}"


def _change(before: KeyedWeight, after: KeyedWeight) -> KeyChange:
    return KeyChange(before.key, after.key, _shape(before), _shape(after))


# --- what moved -------------------------------------------------------------------------------------------------------

Modules = dict[str, list[KeyedWeight]]


def _moved(gone: Mapping[str, KeyedWeight], new: Mapping[str, KeyedWeight]) -> Iterator[tuple[str, str]]:
    """Keys of modules that are gone, and those of modules that are new and alike: the same operation with the same
    attributes and tensors, in the same order. What has kept its name goes first."""
    old_modules, new_modules = _modules(gone), _modules(new)
    for named in (True, False):
        pairs = list(_alike(old_modules, new_modules, named))
        for old, made in pairs:
            left, right = old_modules.pop(old), new_modules.pop(made)
            yield from ((one.key, other.key) for one, other in zip(left, right, strict=True))


def _modules(items: Mapping[str, KeyedWeight]) -> Modules:
    found: Modules = {}
    for item in items.values():
        found.setdefault(item.key.rpartition(".")[0], []).append(item)
    return found


def _alike(old: Modules, new: Modules, named: bool) -> Iterator[tuple[str, str]]:
    signatures = [[_signature(path, items, named) for path, items in modules.items()] for modules in (old, new)]
    matcher = SequenceMatcher(None, signatures[0], signatures[1], autojunk=False)
    paths: Sequence[list[str]] = (list(old), list(new))
    for start, other, length in matcher.get_matching_blocks():
        yield from zip(paths[0][start : start + length], paths[1][other : other + length], strict=True)


def _signature(path: str, items: Sequence[KeyedWeight], named: bool) -> str:
    """What two modules share that are alike."""
    operations = dict.fromkeys(id(item.node) for item in items)
    node = items[0].node
    attributes = [f"{name}={attribute_text(getattr(node.op, name))}" for name in type(node.op).model_fields]
    tensors = [f"{item.key.rpartition('.')[2]} {_shape(item)}" for item in items]
    return " | ".join([path.rpartition(".")[2] * named, node.op.name * (len(operations) == 1), *attributes, *tensors])
