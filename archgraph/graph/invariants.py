"""What holds for every graph. Checked once per finished network; cheap enough to be left on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from archgraph.errors import Problem, WiringError
from archgraph.graph.keys import KeyedWeight, ModuleTree, module_tree
from archgraph.graph.relocation import is_copy
from archgraph.graph.types import Call, Graph, Item, Node, Value, is_module, joined


class InvariantError(AssertionError):
    """A graph that no builder should have made: a fault of archgraph, not of the person using it."""


def check(graph: Graph) -> None:
    """Raises WiringError where two things claim one path or key, InvariantError where the graph is malformed."""
    checking = _Checking()
    checking.body(graph)
    checking.paths(graph, "", "")
    problems = [*checking.problems, *_misplaced(module_tree(graph))]
    if problems:
        raise WiringError(*problems)


@dataclass(slots=True)
class _Checking:
    claimed: dict[str, Item] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    checked: set[int] = field(default_factory=set)

    def body(self, graph: Graph) -> None:
        """Values are written once and before they are read; calls fit their bodies. Each body is looked at once, and a
        copy of one not at all."""
        if id(graph) in self.checked or is_copy(graph):
            return
        self.checked.add(id(graph))
        known: set[Value] = set()
        _define(graph, graph.inputs, known)
        for item in graph.items:
            for value in item.inputs if isinstance(item, Call) else item.inputs.values():
                if value not in known:
                    raise InvariantError(f"{graph.name}: {item.name} reads {value} before it is written")
            if isinstance(item, Call):
                _match(item)
                self.body(item.body)
            _define(graph, item.outputs, known)
        for name, value in (*graph.outputs.items(), *graph.training_outputs.items()):
            if value not in known:
                raise InvariantError(f"{graph.name}: the output '{name}' is written nowhere: {value}")

    def paths(self, graph: Graph, module: str, full: str) -> None:
        """No two items have one path. Hidden calls have none; what is applied again is no second claim."""
        for item in graph.items:
            if isinstance(item, Node):
                self.claim(joined(module if is_module(item) else full, item.name), item)
                continue
            below = module if item.hidden else joined(module, item.name)
            if not item.hidden:
                self.claim(below, item)
            self.paths(item.body, below, joined(full, item.name))

    def claim(self, path: str, item: Item) -> None:
        other = self.claimed.setdefault(path, item)
        if other is not item and not any(path.startswith(f"{twice}.") for twice in self.twice):
            self.twice.append(path)
            self.problems.append(
                Problem(
                    f"the path '{path}' is used twice",
                    item.origin.mark,
                    item.origin.address,
                    expected="a path of its own for everything that has weights or a body",
                    hint="give one of them another name or 'path:'; copies need '{i}' in a literal path",
                    notes=((f"first used by {other.origin.address or other.name}", other.origin.mark),),
                )
            )


def _define(graph: Graph, values: tuple[Value, ...], known: set[Value]) -> None:
    for value in values:
        if value in known:
            raise InvariantError(f"{graph.name}: {value} is written twice")
        known.add(value)


def _match(call: Call) -> None:
    outside = [*call.read_types, *(value.type for value in call.outputs)]
    inside = [*(value.type for value in call.body.inputs), *call.made_types]
    if outside != inside:
        raise InvariantError(f"{call.name}: the body's types {inside} are not the call's {outside}")


def _among_copies(module: ModuleTree) -> list[Problem]:
    """Modules that a path puts among numbered ones of a block, a group or a repetition, which run in their order."""
    call = module.item
    if not isinstance(call, Call):
        return []
    own = {item.name.partition(".")[0]: item for item in _items(call.body)}
    others = [child for name, child in module.children.items() if name not in own]
    if not others:
        return []
    modules = [name for name, item in own.items() if isinstance(item, Call) or is_module(item)]
    numbered = any(child.path.rpartition(".")[2].isdigit() for child in others)
    if not (numbered or (modules and all(map(str.isdigit, modules)))):
        return []
    problems = []
    for child in others:
        node = next((keyed.node for keyed in child.weights()), None)
        origin = child.item.origin if child.item is not None else node.origin if node is not None else call.origin
        problems.append(
            Problem(
                f"the path '{child.path}' leads among the numbered modules of '{module.path}', which run in a row",
                origin.mark,
                origin.address,
                expected="a path of its own",
                notes=((f"'{module.path}' is {call.origin.address or call.name}", call.origin.mark),),
            )
        )
    return problems


def _items(graph: Graph) -> Iterator[Item]:
    """The items of a body, those of hidden levels in their place."""
    for item in graph.items:
        if isinstance(item, Call) and item.hidden:
            yield from _items(item.body)
        else:
            yield item


def _same_keys(found: list[KeyedWeight]) -> list[Problem]:
    """Tensors with one key, once for each node. Of nodes that are modules, those with one path were found before."""
    if len({item.key for item in found}) == len(found):
        return []
    first: dict[str, KeyedWeight] = {}
    problems: dict[int, Problem] = {}
    for item in found:
        other = first.setdefault(item.key, item)
        hidden = other.node.hidden or item.node.hidden
        if other is not item and (hidden or other.path != item.path):
            note = (f"first used by {other.node.origin.address or other.path}", other.node.origin.mark)
            origin = item.node.origin
            message = f"the key '{item.key}' is used twice"
            hint = "'path: .' leaves a level out: one of the two needs a level of its own" if hidden else ""
            problem = Problem(message, origin.mark, origin.address, hint=hint, notes=(note,))
            problems.setdefault(id(item.node), problem)
    return list(problems.values())


def _misplaced(tree: ModuleTree) -> list[Problem]:
    """Modules below an operation, and tensors with the name of a module: torch has no place for them."""
    problems: list[Problem] = []
    for module in tree.modules():
        tensors = [*module.parameters, *module.buffers]
        if module.children:
            problems += _among_copies(module)
            problems += _among_modules(module, {weight.key.rpartition(".")[2]: weight for weight in tensors})
        if len(tensors) > 1:
            problems += _same_keys(tensors)
    return problems


def _among_modules(module: ModuleTree, own: Mapping[str, KeyedWeight]) -> list[Problem]:
    """Of a module with others below it: an operation, or a tensor that has the name of one of them."""
    problems = []
    if isinstance(module.item, Node):
        first = next(iter(module.children.values()))
        problems.append(
            Problem(
                f"'{module.path}' is the operation {module.item.op.name}, so nothing can stand below it",
                module.item.origin.mark,
                module.item.origin.address,
                received=f"'{first.path}'",
            )
        )
    for name in own.keys() & module.children.keys():
        problems.append(
            Problem(
                f"the key '{own[name].key}' is also the path of a module",
                own[name].node.origin.mark,
                own[name].node.origin.address,
            )
        )
    return problems
