"""The parameters of a block or a model: what was given, then defaults, then `let`, once their names are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from archgraph.dims import Facts
from archgraph.errors import MOST_PROBLEMS, ArchgraphError, Mark, Problem, SchemaError, SpecError, nearest
from archgraph.language.elaboration.evaluation import condition, evaluated, holds_expression, names_in
from archgraph.language.elaboration.name_errors import listed
from archgraph.language.expressions.expression import compile_expression
from archgraph.language.expressions.values import shown
from archgraph.language.schema.parameter_types import quoted_default
from archgraph.language.schema.spec import BlockSpec, Path


@dataclass(slots=True)
class Parameters:
    """A block's expressions being bound. `pending` are values that wait for names: mostly symbols of input shapes.

    `places` says where values stand that are not the defaults.
    """

    block: BlockSpec
    facts: Facts
    scope: dict[str, Any] = field(default_factory=dict)
    pending: dict[str, Any] = field(default_factory=dict)
    places: Mapping[str, Path] = field(default_factory=dict)

    def bind(self, given: Mapping[str, Any]) -> Parameters:
        """Checks what was given. Raises all of: unknown, missing and mistyped parameters; `path` holds their names."""
        block, problems = self.block, list[Problem]()
        for name, kind in block.params.items():
            if name not in given and kind.required:
                problems.append(Problem(f"{block.name} needs the parameter '{name}'", path=name, expected=kind.words))
                continue
            value = given.get(name, kind.default)
            if holds_expression(value):
                self.pending[name] = value
                continue
            try:
                self.scope[name] = kind.check(value) if name in given else value
            except ArchgraphError as error:
                blamed = quoted_default(kind, name, value)
                about = [_about(block, name, problem) for problem in error.problems]
                problems += about if blamed is None else [replace(blamed, where=self._declaration(name), path=name)]
        problems += _unknown(block, given)
        if problems:
            raise SchemaError(*problems)
        if self.pending:
            self.settle()
        return self

    def settle(self) -> None:
        """Evaluates everything whose names are all known by now, in the order in which they become known."""
        if not self.pending:
            return
        missing = {
            name: {needed for needed in self._needed(name, value) if needed not in self.scope}
            for name, value in self.pending.items()
        }
        waiting: dict[str, list[str]] = {}
        for name, names in missing.items():
            for needed in names:
                waiting.setdefault(needed, []).append(name)
        ready = [name for name, names in missing.items() if not names]
        while ready:
            name = ready.pop(0)
            self._evaluate(name, self.pending.pop(name))
            for other in waiting.get(name, ()):
                missing[other].discard(name)
                if not missing[other]:
                    ready.append(other)

    def _needed(self, name: str, value: Any) -> list[str]:
        try:
            return list(names_in(value))
        except ArchgraphError as error:
            raise error.placed(self._mark(name), name) from None

    def _evaluate(self, name: str, value: Any) -> None:
        mark = self._mark(name)
        try:
            self.scope[name] = self.block.params[name].check(evaluated(value, self.scope, self.facts))
        except SchemaError as error:
            about = (_about(self.block, name, problem) for problem in error.problems)
            raise SchemaError(*about).placed(mark) from None
        except ArchgraphError as error:
            raise error.placed(mark, name) from None

    def _declaration(self, name: str) -> Mark | None:
        return self.block.document.marks.value(*self.block.where, "params", name)

    def _mark(self, name: str) -> Mark | None:
        where = self.places.get(name, ("params", name))
        return self.block.document.marks.value(*self.block.where, *where)

    def finish(self) -> dict[str, Any]:
        """All parameters, symbols and `let` values. Raises what the first open default misses."""
        marks, where = self.block.document.marks, self.block.where
        self.settle()
        for name, value in self.pending.items():
            missing = [needed for needed in names_in(value) if needed in self.pending]
            if missing:
                raise SchemaError(_circle(name, missing[0], self._mark(name)))
            try:
                evaluated(value, self.scope, self.facts)  # raises: names what is unknown
            except ArchgraphError as error:
                raise error.placed(self._mark(name), name) from None
        for name, value in self.block.let.items():
            try:
                self.scope[name] = evaluated(value, self.scope, self.facts)
            except ArchgraphError as error:
                raise error.placed(marks.value(*where, "let", name), name) from None
        return self.scope

    def settled(self) -> dict[str, Any]:
        """The parameters alone."""
        return {name: self.scope[name] for name in self.block.params if name in self.scope}


def _circle(name: str, other: str, mark: Mark | None) -> Problem:
    if name == other:
        return Problem(f"the parameter '{name}' speaks of itself", mark, name)
    return Problem(f"the parameters '{name}' and '{other}' wait for each other", mark, name)


def _unknown(block: BlockSpec, given: Mapping[str, Any]) -> Iterator[Problem]:
    known = list(block.params)
    for name in given:
        if name not in block.params:
            yield Problem(
                f"{block.name} has no parameter '{name}'",
                path=name,
                expected=listed(known) or f"{block.name} takes no parameters",
                hint=_meant(name, block, known),
            )


def _meant(name: str, block: BlockSpec, known: list[str]) -> str:
    from archgraph.ops.attribute_problems import foreign_argument, read_by_in  # read only where something is wrong

    if name in block.inputs:
        return read_by_in(name)
    return nearest(name, known) or foreign_argument(name, known)


def _about(block: BlockSpec, name: str, problem: Problem) -> Problem:
    message = f"{block.name}: the parameter '{name}' has a wrong value"
    return replace(problem, message=message, path=name, expected=problem.expected or problem.message)


def check_claims(block: BlockSpec, scope: Mapping[str, Any], facts: Facts) -> None:
    """Raises SpecError with each claim of the block that does not hold; its place is that of the claim."""
    problems: list[Problem] = []
    for at, (text, message) in enumerate(block.asserts):
        mark = block.document.marks.value(*block.where, *_claim_path(block, at))
        claim = text.removeprefix("=").strip()
        try:
            holds = condition(f"={claim}", scope, facts, f"the claim '{claim}'")
        except ArchgraphError as error:
            problems += error.placed(mark).problems
            continue
        if not holds:
            names = sorted(compile_expression(claim).names & scope.keys())
            received = ", ".join(f"{name} = {shown(scope[name])}" for name in names)
            problems.append(
                Problem(message or f"{block.name} requires {claim}", mark, expected=claim, received=received)
            )
        if len(problems) >= MOST_PROBLEMS:
            break
    if problems:
        raise SpecError(*problems)


def _claim_path(block: BlockSpec, at: int) -> tuple[str | int, ...]:
    """Where a claim stands: `assert` is a list of them, or a mapping that holds it below `that`."""
    data: Any = block.document.data
    for step in (*block.where, "assert"):
        data = data[step]
    below: tuple[str | int, ...] = ("assert",)
    if isinstance(data, dict):
        data, below = data["that"], ("assert", "that")
    return (*below, at, "that") if isinstance(data, list) else below
