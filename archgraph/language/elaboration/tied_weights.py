"""`tie`: weights of an operation, or of operations inside a block, that share the tensors of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archgraph.errors import Mark, WiringError
from archgraph.graph.types import Node, Value, joined
from archgraph.ops.contract import Inputs, Operation

if TYPE_CHECKING:
    from archgraph.language.elaboration.connect import NodeApplication


ITSELF = "weight"
"""What the tensor of a `parameter` is called where it is tied: the node is its own weight."""


class Tie(NamedTuple):
    """The key of the weight whose tensor is shared, and where the file says so."""

    key: str
    mark: Mark | None


def ties_inside(app: NodeApplication, module: str) -> dict[str, Tie]:
    """The ties of weights below a block's module, by their keys: stated at its node, or at blocks around it."""
    around = {key: tie for key, tie in app.frame.ties.items() if key.startswith(f"{module}.")}
    stated = {joined(module, path): _tie(app, path) for path in app.spec.tie}
    app.run.stated_ties.update({key: tie.mark for key, tie in stated.items()})
    app.run.tied.update(tie.key for tie in stated.values())
    return around | stated


def ties_of_operation(app: NodeApplication, op: Operation, values: dict[str, Value]) -> dict[str, Tie]:
    """The ties of an operation's weights, by their names. Raises WiringError for a weight that is tied twice."""
    own = {"" if op.name == "parameter" and name == ITSELF else name: _tie(app, name) for name in app.spec.tie}
    if not app.frame.ties:
        return own
    path = app.frame.place.module if app.site.hidden else joined(app.frame.place.module, app.site.name)
    weights = op.weights(Inputs({port: value.type for port, value in values.items()}))
    handed = {
        weight.name: app.frame.ties[key] for weight in weights if (key := joined(path, weight.name)) in app.frame.ties
    }
    for name in own.keys() & handed.keys():
        expected, received = own[name].key, handed[name].key
        problem = WiringError(f"the weight '{name or ITSELF}' is tied twice", expected=expected, received=received)
        raise problem.placed(handed[name].mark, app.address)
    return own | handed


def note_ties(app: NodeApplication, node: Node, ties: dict[str, Tie]) -> None:
    """Keeps where the ties of a node stand, and that somebody reads the weights that they name."""
    app.run.tied.update(tie.key for tie in ties.values())
    for name, tie in ties.items():
        app.run.ties[id(node), name] = tie.mark


def _tie(app: NodeApplication, name: str) -> Tie:
    mark = app.frame.place.value(*app.spec.where, "tie", name)
    return Tie(joined(app.frame.block_module, app.spec.tie[name]), mark)
