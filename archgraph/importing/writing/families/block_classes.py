"""Which classes of modules become blocks, with their parameters and what each of their numbers is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from archgraph.graph.types import Call, Graph
from archgraph.importing.writing.classes.block_names import block_words
from archgraph.importing.writing.classes.block_symbols import (
    block_symbols,
    candidates,
)
from archgraph.importing.writing.classes.blocks_with_options import length_of_classes
from archgraph.importing.writing.classes.chosen_blocks import CHOICE
from archgraph.importing.writing.classes.chosen_parts import ChosenParts, with_defaults
from archgraph.importing.writing.classes.conditions import conditions_of_parts
from archgraph.importing.writing.classes.equal_inputs import with_equal_inputs
from archgraph.importing.writing.classes.listed_inputs import without_sizes_of_lists
from archgraph.importing.writing.classes.related_numbers import with_relations
from archgraph.importing.writing.classes.templates import (
    AppliedBlock,
    BodyTemplate,
    OutsideSizeError,
    TemplateReader,
    WrittenStatement,
)
from archgraph.importing.writing.classes.written_ties import WrittenTies
from archgraph.importing.writing.copies.alike_copies import counts_in_lists
from archgraph.importing.writing.copies.alike_sections import with_alike_sections
from archgraph.importing.writing.copies.classes_of_family import classes_of_family, with_all_copies
from archgraph.importing.writing.copies.counted_starts import set_starts
from archgraph.importing.writing.copies.key_order import key_order
from archgraph.importing.writing.families.network_class import network_class, network_symbols, varying_sizes
from archgraph.importing.writing.families.network_parameters import network_parameters
from archgraph.importing.writing.families.network_rates import with_rates
from archgraph.importing.writing.families.trained_values import classes_with_training_values
from archgraph.importing.writing.modules.containers import CONTAINERS
from archgraph.importing.writing.modules.joint_network import NETWORK, networks
from archgraph.importing.writing.modules.naming import block_name, is_parameter
from archgraph.importing.writing.modules.shared_items import shared_items
from archgraph.importing.writing.numbers.handed_sizes import blocks_without_arguments, handed_names
from archgraph.importing.writing.numbers.settled_sizes import SettledSizes
from archgraph.importing.writing.numbers.usual_values import with_usual_defaults
from archgraph.importing.writing.rewriting.alike_reshapes import with_alike_reshapes
from archgraph.importing.writing.rewriting.alike_sequences import (
    different_sequences,
    with_classes_of_sequences,
    without_needless_classes,
)
from archgraph.importing.writing.rewriting.dense_connections import with_joining_modules
from archgraph.importing.writing.rewriting.handed_out import with_equal_outputs, with_named_outputs
from archgraph.importing.writing.rewriting.implied_sequences import with_calls_of_containers
from archgraph.importing.writing.rewriting.repeated_work import with_repeated_work_as_blocks
from archgraph.importing.writing.rewriting.unrolled_steps import with_scans
from archgraph.importing.writing.standard.agreed_places import with_agreed_places
from archgraph.importing.writing.standard.standard_applications import StandardApplications
from archgraph.importing.writing.standard.standard_blocks import standard_calls
from archgraph.structure.class_parameters import ClassParameter
from archgraph.structure.expressions import Expression
from archgraph.structure.families import families
from archgraph.structure.inference import inferred
from archgraph.structure.naming import Naming, free
from archgraph.structure.terms import Term, number
from archgraph.structure.unification import UnifiedClass


@dataclass(eq=False, slots=True)
class BlockClass:
    """A block on its way into the spec. `expressions` has one for each number of its template, by place."""

    name: str
    group: UnifiedClass[BodyTemplate]
    parameters: tuple[ClassParameter, ...]
    expressions: Mapping[int, Expression]
    conditions: Mapping[str, str]
    """The condition of each optional part, as an expression."""
    symbols: Mapping[tuple[int, int], str] = field(default_factory=dict)
    """The symbol of each dimension of its inputs."""
    listed: frozenset[str] = frozenset()
    """The statements with copies that walk lists which are arguments."""
    handed: Sequence[str] = ()
    """The names of the arguments that are sizes which the inputs do not say."""
    lacking: bool = False
    """Whether some instances have fewer of these sizes."""

    @property
    def template(self) -> BodyTemplate:
        return self.group.fullest


def block_classes(graph: Graph, family: str = "") -> list[BlockClass]:
    """The classes of a graph, the network itself last. What is written in one place only is opened there. In a `family`
    of this name, blocks that would be called as standard blocks are called after it."""
    graph = with_alike_reshapes(with_scans(with_joining_modules(graph)))
    graph = with_named_outputs(with_equal_inputs(with_equal_outputs(with_calls_of_containers(graph))))
    apart = different_sequences(graph, CONTAINERS)
    ways = [frozenset[int](), apart] if apart else [apart]
    plans = [_classes_of(with_classes_of_sequences(graph, CONTAINERS, way), family) for way in ways]
    return min(plans, key=lambda classes: length_of_classes([made.group for made in classes]))


def _classes_of(graph: Graph, family: str) -> list[BlockClass]:
    """The classes of a graph whose containers are of the classes that they have in the end."""
    standing_in = with_agreed_places(graph, standard_calls(graph))
    graph = without_needless_classes(graph, standing_in)
    standard = StandardApplications(standing_in, graph)
    graph = with_repeated_work_as_blocks(graph, frozenset(standing_in))
    opened = {*CONTAINERS, *classes_with_training_values(graph)}
    handing: set[str] = set()
    plain = blocks_without_arguments(graph)
    parts = ChosenParts(standard.names)
    while True:
        try:
            classes = _BlockPlanner(graph, opened, standard, handing, parts, family).plan()
        except OutsideSizeError as error:
            if error.block in opened:
                raise
            (opened if error.block in handing | plain else handing).add(error.block)
            continue
        once = _written_once(classes, standard) - opened
        if not once and not parts.wished:
            return classes
        opened |= once
        parts = ChosenParts(standard.names, {**parts.defaults, **parts.wished})


def _written_once(classes: Sequence[BlockClass], standard: StandardApplications) -> set[str]:
    """Classes of modules of which no block is applied by more than a single line of the spec, in copies or once more.
    One with several blocks that order their keys stays: their order would stand outside."""
    ordered = {made.name for made in classes if key_order(made.template.entries(), made.template.body.order)}
    sites: dict[str, Counter[str]] = {}
    for made in classes:
        choices = (one for template in made.group.templates for one in template.entries() if _is_choice(one))
        for entry in (*made.template.entries(), *choices):
            for statement in entry.applied:
                if isinstance(statement.made, Call) and not standard.has(statement.made):
                    counts = sites.setdefault(statement.made.block, Counter())
                    several = entry.term.kind != "call" or _is_choice(entry)
                    counts[statement.term.text] += 2 if several else 1
    once = {name: set(counts) for name, counts in sites.items() if set(counts.values()) == {1}}
    return {name for name, blocks in once.items() if len(blocks) == 1 or ordered.isdisjoint(blocks)}


def _is_choice(entry: WrittenStatement) -> bool:
    return any(one.term.text == CHOICE for one in entry.applied)


class _BlockPlanner:
    def __init__(
        self,
        graph: Graph,
        opened: set[str],
        standard: StandardApplications,
        handing: set[str],
        parts: ChosenParts,
        family: str,
    ):
        self._family = family
        self._parts = parts
        self._graph = graph
        self._opened = opened
        self._standard = standard
        self._assigned: dict[int, tuple[BlockClass, int]] = {}
        self._names = set(standard.names)
        sizes = SettledSizes(graph.constraints)
        self._reader = TemplateReader(
            self._is_opened, self._applied, WrittenTies(graph), sizes, shared_items(graph), handing
        )

    def plan(self) -> list[BlockClass]:
        root = Call("", "block", self._graph, (), (), block="")
        made: list[BlockClass] = []
        for family in families(root, self._inside, lambda call: call.block):
            if family[0].block == NETWORK:
                group = network_class(family, self._read, self._standard.names)
                made.append(self._network(group))
                continue
            if family[0] is root:
                if networks(self._graph):
                    continue
                template = self._reader.read(self._graph, None)
                with_alike_sections([template])
                template = with_all_copies(template)
                made.append(self._finished("", UnifiedClass(template, [template])))
                continue
            groups = sorted(classes_of_family(family, self._read, self._parts), key=lambda group: -len(group.templates))
            for group, word in zip(groups, block_words(groups, CONTAINERS, self._family), strict=True):
                name = free(word, self._names)
                self._names.add(name)
                made.append(self._finished(name, group))
        return made

    def _read(self, call: Call) -> BodyTemplate:
        return self._reader.read(call.body, call)

    def _inside(self, call: Call) -> Iterator[Call]:
        for item in call.body.items:
            if isinstance(item, Call):
                if self._is_opened(item):
                    yield from self._inside(item)
                elif item.shares is None and not self._standard.has(item):
                    yield item

    def _is_opened(self, call: Call) -> bool:
        return call.block in self._opened and call.scan is None and not self._standard.has(call)

    def _finished(self, name: str, group: UnifiedClass[BodyTemplate]) -> BlockClass:
        symbols = without_sizes_of_lists(block_symbols(group.templates), group.fullest.listed) if name else {}
        listed = counts_in_lists(group)
        found = inferred(
            group,
            [candidates(template, symbols) for template in group.templates],
            Naming(is_parameter, frozenset(), authors=True),
            exempt=listed,
            part_name=partial(_part_name, group),
        )
        if name:
            found = with_relations(group, found, symbols)
            if calls := networks(self._graph):
                found = with_rates(found, group.columns, [call.arguments for call in calls])
        set_starts(group, found.expressions)
        known = set(symbols.values())
        rows = [template.handed or [] for template in group.templates]
        handed = handed_names(rows, known | _argument_names(group.templates) | {one.name for one in found.parameters})
        conditions, spare = conditions_of_parts(group, found, symbols)
        with_defaults(name, found.parameters, self._parts.defaults)
        made = BlockClass(
            name=name,
            group=group,
            parameters=with_usual_defaults([one for one in found.parameters if one.name not in known | spare]),
            expressions=found.expressions,
            conditions=conditions,
            symbols=symbols,
            listed=frozenset(listed.values()),
            handed=handed,
            lacking=len(set(map(len, rows))) > 1,
        )
        for index, template in enumerate(group.templates):
            if template.call is not None:
                self._assigned[id(template.call)] = (made, index)
        return made

    def _network(self, group: UnifiedClass[BodyTemplate]) -> BlockClass:
        """The class of the networks of a family."""
        arguments = [template.call.arguments if template.call is not None else {} for template in group.templates]
        listed = counts_in_lists(group)
        sizes = varying_sizes(group.templates)
        found = network_parameters(group, arguments, partial(_part_name, group), listed, sizes)
        set_starts(group, found.expressions)
        symbols = {**network_symbols(group.templates), **found.sizes}
        names = frozenset(listed.values())
        return BlockClass("", group, found.parameters, found.expressions, found.conditions, symbols, names)

    def _applied(self, call: Call) -> AppliedBlock:
        if self._standard.has(call):
            return self._standard.applied(call)
        made, index = self._assigned[id(call)]
        ports = tuple(made.template.input_names)
        arguments = tuple(
            Term(
                "argument",
                parameter.name,
                (number(parameter.passed_as, parameter.argument(index)),),
                value=(parameter.default,),
            )
            for parameter in made.parameters
        )
        sizes = zip(made.handed, made.group.templates[index].handed or (), strict=False)
        return AppliedBlock(made.name, arguments, ports, tuple(range(len(ports))), ports, tuple(sizes))


def _argument_names(templates: Sequence[BodyTemplate]) -> set[str]:
    """The names of the arguments of all constructors."""
    return {name for template in templates if template.call is not None for name in template.call.arguments}


def _part_name(group: UnifiedClass[BodyTemplate], part: str) -> str:
    """A part without a word of its own is called after the level that it is all of, or after what it applies."""
    around, _, last = part.rpartition(".")
    level = [name for name in group.presence if name.rpartition(".")[0] == around]
    if last.isdecimal() and around.rpartition(".")[2].isidentifier() and len(level) > 1:
        return around.rpartition(".")[2]
    made = next(entry.made for entry in group.fullest.entries() if entry.name == part)
    if isinstance(made, Call):
        return block_name(made.block)
    return "activation" if made.op.family in ("activation", "nonlinearity") else made.op.name
