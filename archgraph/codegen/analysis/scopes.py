"""Scopes: the modules that a graph becomes, each with the steps of its forward."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from archgraph.codegen.analysis.names import parted, variable
from archgraph.codegen.rules import MODULES, TorchRuleContext, written_as_function, written_as_module
from archgraph.dims import Dim
from archgraph.graph.scan import Scan
from archgraph.graph.types import Call, Node
from archgraph.ops.contract import TensorType
from archgraph.structure.terms import Term

ATTRIBUTES = ("parameter", "buffer", "register_buffer", "constant")
Copy = tuple[int, int]
"""A repetition's number and the copy's number within it."""
Form = Literal["class", "chain", "named"]
Mode = Literal["", "training", "idle"]
StepKind = Literal["scope", "attribute", "leaf", "custom", "function", "again"]


@dataclass(eq=False, slots=True)
class Var:
    """A value as one scope sees it. `name` is only a hint."""

    type: TensorType
    name: str


@dataclass(eq=False, slots=True)
class SizeVar(Var):
    """A size that a forward takes as an argument, because it does not follow from the inputs of its module; or, with
    no `dim`, the device to make tensors on, where there is no input that would be on it."""

    dim: Dim | None = None

    @property
    def annotation(self) -> str:
        """Its type in the signature."""
        return "torch.device" if self.dim is None else "int"


@dataclass(eq=False, slots=True)
class ScopeStep:
    """One application in the flow of a scope: an operation, or a scope below.

    `path` is the module path within the scope; `full` is the node's or call's path there with the hidden levels.
    """

    path: str
    full: str
    inputs: dict[str, Var]
    outputs: tuple[Var, ...]
    kind: StepKind = "scope"
    """How it is written: `custom` owns weights that no module of torch's holds for it. A node's is known once all steps
    of its scope are there."""
    node: Node | None = None
    scope: Scope | None = None
    shared: str = ""
    copies: tuple[Copy, ...] = ()
    twin: Scope | None = None
    row: tuple[ScopeStep, ...] = ()
    """The same step in each application of its scope, once what stands inside is settled."""
    mode: Mode = ""
    """In which mode it is computed: in both, in training only, or, `idle`, in neither, though its modules are there."""
    in_place: bool = False
    """Whether it overwrites its main input by its result."""
    learned_bias: bool = False
    """Whether it is an attention whose mask is learned and finite."""
    holds_others: bool = False
    """Whether a tensor of another step stands at its path: torch's module may apply it, as a bias that it lacks."""
    _expression: Term | None = None
    _construction: Term | Literal["unasked"] | None = "unasked"
    _own_sizes: dict[int, tuple[Dim | None, ...]] | None = None

    @property
    def expression(self) -> Term:
        """Its operation as a rule writes it, asked for once: the sizes, the forms and the forward all read it."""
        if self._expression is None:
            assert self.node is not None
            self._expression = written_as_function(TorchRuleContext(self.node, self.in_place, self.learned_bias))
        return self._expression

    @property
    def own_sizes(self) -> dict[int, tuple[Dim | None, ...]]:
        """The sizes in its operation, by their places among the `holes`, where no other application is compared."""
        if self._own_sizes is None:
            self._own_sizes = {}
            _find_sizes((self.expression,), 0, self._own_sizes)
        return self._own_sizes

    @property
    def construction(self) -> Term | None:
        """torch's module for its operation as a rule writes it, asked for once; None where torch has none."""
        if self._construction == "unasked":
            assert self.node is not None
            self._construction = written_as_module(TorchRuleContext(self.node, self.in_place, self.learned_bias))
        return self._construction

    def overwrite(self) -> None:
        """Lets it overwrite its main input, which changes how it is written and not which sizes it needs."""
        self.in_place = True
        self._expression, self._construction = None, "unasked"

    def learn_bias(self) -> None:
        """Lets it be an attention whose mask is learned and finite, which is written otherwise too."""
        self.learned_bias = True
        self._expression = None

    @property
    def is_attribute(self) -> bool:
        """Whether it is a tensor of the module and nothing else."""
        return self.scope is None and self.node is not None and self.node.op.name in ATTRIBUTES

    def found_kind(self) -> StepKind:
        """How it is written."""
        if self.scope is not None:
            return "again" if self.shared else "scope"
        assert self.node is not None
        if self.node.op.name in ATTRIBUTES:
            return "attribute"
        owner = self.node.shares or self.node
        if not (owner.weights or owner.ties):
            return "function"
        if owner.hidden:
            return "custom"
        ports = {port.name for port in self.node.op.ports}
        foreign = any(name.partition(".")[0] not in ports for name in self.node.inputs)
        if foreign or self.holds_others or type(self.node.op) not in MODULES:
            return "custom"
        return "again" if self.shared else "leaf"

    @property
    def holder(self) -> str:
        """The module that holds its weights: one of its own, or the one around it."""
        path = self.shared or self.path
        hidden = self.node is not None and (self.node.shares or self.node).hidden
        return path.rpartition(".")[0] if hidden else path

    @property
    def scan(self) -> Scan | None:
        """How a scope is applied to each slice of a sequence in turn, where it is."""
        return self.scope.call.scan if self.scope is not None and self.scope.call is not None else None

    @property
    def links(self) -> bool:
        """Whether it can stand in a Sequential, where it needs nothing else: one value in, one out, and a module."""
        one = len(self.inputs) == 1 and len(self.outputs) == 1
        free = not self.mode and self.scan is None
        return one and free and self.kind in ("scope", "leaf", "function")


@dataclass(eq=False, slots=True)
class Scope:
    """A module, and all that are equal to it: the inputs, steps and outputs of its forward; `chain` and `named` are
    Sequentials. `path` is that of the first."""

    path: str
    family: tuple[str, ...]
    title: str
    inputs: list[Var]
    outputs: list[Var] = field(default_factory=list)
    steps: list[ScopeStep] = field(default_factory=list)
    training_outputs: list[Var] = field(default_factory=list)
    form: Form = "class"
    call: Call | None = None
    root: bool = False
    sizes: list[SizeVar] = field(default_factory=list)
    count: int = 1
    """How many modules there are of it."""
    siblings: tuple[Scope, ...] = ()
    """What the other applications of the same modules make of the same body, step by step."""

    @property
    def arguments(self) -> list[Var]:
        """What its forward takes: the inputs, then the sizes that do not follow from them."""
        return [*self.inputs, *self.sizes]

    @property
    def has_class(self) -> bool:
        """Whether a class is written for it; other chains are constructed where they stand."""
        return self.form == "class" or self.root or (self.call is not None and self.call.kind == "block")


def _find_sizes(terms: tuple[Term, ...], place: int, found: dict[int, tuple[Dim | None, ...]]) -> int:
    """The place after the last hole of some terms, the first one's being `place`; `found` gains the sizes."""
    for kind, text, parts, value in terms:
        if kind == "number":
            place += 1
        elif kind == "size" or (kind == "local" and text == "device"):
            found[place] = (value,)
            place += 1
        if parts:
            place = _find_sizes(parts, place, found)
    return place


def is_hole(part: Term) -> bool:
    """Whether a part of an expression may be a size, or the device."""
    kind = part.kind
    return kind == "number" or kind == "size" or (kind == "local" and part.text == "device")


def argument_names(scope: Scope, reserved: set[str]) -> list[str]:
    """What the forward calls its inputs: the names of a block's, and `x` for what flows through a group."""
    anonymous = scope.call is not None and scope.call.kind != "block"
    found: list[str] = []
    for value, var in enumerate(scope.arguments):
        flows = anonymous and value == 0 and not isinstance(var, SizeVar)
        hint = "x" if flows else parted(var.name)
        found.append(variable(hint, {*found, *reserved}))
    return found
