"""What the elaboration of a body asks, requires and notes, in its order, so that it can be done again without it.

What is known of the sizes belongs to one network, while bodies of standard blocks are kept for the next ones: whoever
takes a kept body asks and requires the same, at its own place. Where an answer is another, the body is elaborated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from archgraph.dims import Cause, Dim, Facts
from archgraph.errors import Mark

if TYPE_CHECKING:
    from archgraph.language.definitions import Definitions
    from archgraph.language.elaboration.block_cache import ElaboratedBody
    from archgraph.language.schema.spec import BlockSpec


class FactsCall(NamedTuple):
    """A question or a demand of `Facts`, the place that it came from, and the answer."""

    mark: Mark | None
    address: str
    method: str
    given: tuple[Any, ...]
    answer: Any


class AppliedName(NamedTuple):
    """What a node has applied, under the definitions in which it was found; `block` is None of an operation."""

    definitions: Definitions
    name: str
    block: tuple[BlockSpec, Definitions] | None


class StatedPath(NamedTuple):
    """Where a node's name stands, and where its `path`."""

    name: Mark | None
    path: Mark | None


class BodyInside(NamedTuple):
    """A body inside this one, elaborated or copied, and where it stood."""

    body: ElaboratedBody
    address: str


def condensed(log: Iterable[LogEntry]) -> Iterator[LogEntry]:
    """A log without what it says before: a demand that was met stays so, and an answer counts where it is another."""
    known: set[Any] = set()
    for entry in log:
        if isinstance(entry, FactsCall):
            said: Any = entry.method, tuple(part for part in entry.given if not isinstance(part, Cause)), entry.answer
        else:
            said = (id(entry.definitions), entry.name) if isinstance(entry, AppliedName) else entry
        if isinstance(entry, BodyInside) or said not in known:
            yield entry
        if not isinstance(entry, BodyInside):
            known.add(said)


LogEntry = FactsCall | AppliedName | StatedPath | BodyInside


class LoggedFacts(Facts):
    """Facts that log what is asked and required of them, but for what holds of any sizes."""

    def __init__(self, log: list[LogEntry]) -> None:
        super().__init__()
        self._log = log
        self._inside = False

    def declare(self, symbol: str, minimum: int = 1, maximum: int | None = None) -> None:
        self._logged("declare", symbol, minimum, maximum)

    def require_equal(self, a: Dim, b: Dim, cause: Cause) -> None:
        if not (a is b or a == b):
            self._logged("require_equal", a, b, cause)

    def require_same_product(self, a: Sequence[Dim], b: Sequence[Dim], cause: Cause) -> None:
        self._logged("require_same_product", tuple(a), tuple(b), cause)

    def require_multiple(self, a: Dim, factor: int, cause: Cause) -> None:
        if not (isinstance(a, int) and a % factor == 0):
            self._logged("require_multiple", a, factor, cause)

    def require_at_least(self, a: Dim, minimum: int, cause: Cause) -> None:
        if not (isinstance(a, int) and a >= minimum):
            self._logged("require_at_least", a, minimum, cause)

    def is_equal(self, a: Dim, b: Dim) -> bool | None:
        if a is b or a == b:
            return True
        found: bool | None = self._logged("is_equal", a, b)
        return found

    def compare(self, a: Dim, op: str, b: Dim) -> bool | None:
        found: bool | None = self._logged("compare", a, op, b)
        return found

    def simplify(self, dim: Dim) -> Dim:
        if isinstance(dim, int):
            return dim
        found: Dim = self._logged("simplify", dim)
        return found

    def repeat(self, call: FactsCall) -> Any:
        """The answer to a logged question, without logging it once more. Raises ShapeError."""
        self._inside = True
        try:
            return getattr(super(), call.method)(*call.given)
        finally:
            self._inside = False

    def _logged(self, method: str, *given: Any) -> Any:
        """The answer of `Facts`; what it asks itself on the way follows from what is logged."""
        answer = getattr(super(), method)
        if self._inside:
            return answer(*given)
        self._inside = True
        try:
            found = answer(*given)
        finally:
            self._inside = False
        self._log.append(FactsCall(*self._place, method, given, found))
        return found
