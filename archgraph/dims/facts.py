"""What is known of the symbols of one network: proves, narrows or refuses what its shapes require."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NoReturn, TypeVar

from archgraph.dims import bounds, prove
from archgraph.dims.constraint import Cause, Constraint, Domain
from archgraph.dims.factors import factors
from archgraph.dims.ratios import cancelled, narrowing_by_symbol
from archgraph.dims.simplify import simplified
from archgraph.dims.size import Dim, Size, product, symbols_of
from archgraph.errors import Mark, Problem, ShapeError

T = TypeVar("T")

MOST_CAUSES = 1_000
"""Reasons for the bounds of one symbol: so many windows without padding shrink no picture."""

_OPPOSITE = {"<": ">=", "<=": ">"}


class Facts:
    """The allowed values of every symbol; starts with any size from 1 and only ever becomes narrower.

    Each `require_…` proves a statement for all allowed sizes, or narrows them to those for which it holds and records
    why, or raises ShapeError at the cause's place. A symbol that was not declared may be any number from 1.
    """

    def __init__(self) -> None:
        self._domains: dict[str, Domain] = {}
        self._residue_causes: dict[str, list[Cause]] = {}
        self._bound_causes: dict[str, list[Cause]] = {}
        self._proved: set[tuple[Dim, Dim]] = set()
        self._undecided: dict[tuple[Dim, Dim], bool | None] = {}
        self._simple: dict[Size, Dim] = {}
        self._lows: dict[Size, int | None] = {}
        self._place: tuple[Mark | None, str] = (None, "")

    def stand_at(self, where: Mark | None, path: str) -> None:
        """Causes that name no place of their own belong to this one from now on."""
        self._place = (where, path)

    def declare(self, symbol: str, minimum: int = 1, maximum: int | None = None) -> None:
        """States bounds of a symbol. Raises ShapeError where no size is left."""
        before = self._domains.get(symbol, Domain())
        domain = before.meets(Domain(minimum, maximum))
        if domain.empty:
            received = f"{minimum} to {maximum}" if maximum is not None else f"at least {minimum}"
            raise ShapeError(f"no size is left for {symbol}", expected=_says(symbol, before), received=received)
        self._replace(symbol, domain)

    def require_equal(self, a: Dim, b: Dim, cause: Cause) -> None:
        """a = b, where `a` is what is expected and `b` what was received."""
        if a is b or a == b or (a, b) in self._proved:
            return
        difference = a - b
        if not isinstance(difference, Size):
            self._refuse("sizes differ", a, b, cause)
        if self._unsettled(difference, cause):
            self._refuse(self._disagreement(difference), a, b, cause)
        self._proved.add((a, b))

    def require_same_product(self, a: Sequence[Dim], b: Sequence[Dim], cause: Cause) -> None:
        """The dimensions of `a` and of `b` hold equally many elements, as a reshape from `b` to `a` needs."""
        left, right = cancelled([self.simplify(dim) for dim in a], [self.simplify(dim) for dim in b])
        whole = product(left.elements()), product(right.elements())
        if whole[0] == whole[1]:
            return
        names = symbols_of(whole[0]) | symbols_of(whole[1])
        self._know(names)
        found = self._placed(cause, lambda: narrowing_by_symbol(left, right, self._domains)) if names else None
        if found is None:
            self.require_equal(*whole, cause)
        elif not found:
            self._refuse("the number of elements differs", product(a), product(b), cause)
        else:
            self._narrow(found, cause)

    def require_multiple(self, a: Dim, factor: int, cause: Cause) -> None:
        """A whole number of times `factor`."""
        simple = self.simplify(a)
        rest = simple % factor
        if rest == 0 or prove.known_divisor(simple, self._domains) % factor == 0:
            return
        unsettled = self._unsettled(rest, cause) if isinstance(rest, Size) else None
        if isinstance(rest, Size) and not unsettled:
            return
        verdict = "cannot be shown to be" if unsettled and unsettled.good else "is not"
        message = f"the size {verdict} a multiple of {factor}"
        raise self._error(message, f"a multiple of {factor}", str(a), cause, symbols_of(a))

    def require_at_least(self, a: Dim, minimum: int, cause: Cause) -> None:
        """a ≥ minimum, from some size of its symbol on; a product of sizes is at least 1 where each of them is."""
        if not isinstance(a, Size):
            if a < minimum:
                self._refuse_below("the size is too small", a, minimum, cause)
            return
        low = self._low(a)
        if low is not None and low >= minimum:
            return
        simple = self.simplify(a) if len(a.symbols) > 1 else a  # 4*(H // 2)*(W // 2) - H*W is 0 at even sizes
        if simple != a:
            self.require_at_least(simple, minimum, cause)
        elif len(a.symbols) == 1:
            self._require_of_one_symbol(a, minimum, cause)
        elif minimum == 1 and len(a.terms) > 1 and len(parts := factors(a)) > 1:  # none is negative: all are at least 1
            for factor in parts:
                self.require_at_least(factor, 1, cause)
        elif minimum <= 1 and low == 0 and len(a.terms) == 1:
            for atom in a.terms[0][0]:
                if atom.numerator is not None and atom.as_size() == a:  # n // d is at least 1 where n is at least d
                    self.require_at_least(atom.numerator, atom.denominator, cause)
                else:
                    self.require_at_least(atom.as_size(), 1, cause)
        else:
            self._refuse_below("the size cannot be shown to be large enough", a, minimum, cause)

    def is_equal(self, a: Dim, b: Dim) -> bool | None:
        """True where a = b for all allowed sizes, False where for none, None where it depends (or is too hard)."""
        if a is b or a == b or (a, b) in self._proved:
            return True
        difference = a - b
        if not isinstance(difference, Size):
            return False
        if (a, b) not in self._undecided:
            self._undecided[a, b] = self._is_zero(difference)
        return self._undecided[a, b]

    def compare(self, a: Dim, op: str, b: Dim) -> bool | None:
        """Whether `a < b` (or `<=`, `>`, `>=`) holds: True for all allowed sizes, False for none, None: it depends."""
        if op in _OPPOSITE:
            answer = self.compare(a, _OPPOSITE[op], b)
            return None if answer is None else not answer
        if op not in (">", ">="):
            raise ValueError(f"not a comparison: {op!r}")
        least = 1 if op == ">" else 0
        if self._always(a - b, least):
            return True
        return False if self._always(b - a, 1 - least) else None

    def constraints(self) -> tuple[Constraint, ...]:
        """Everything that narrows a symbol below "any size from 1", ordered by symbol."""
        return tuple(
            Constraint(name, found.modulus, found.residues, found.minimum, found.maximum, self._causes(name))
            for name, found in sorted((name, domain.tightened()) for name, domain in self._domains.items())
            if found != Domain()
        )

    def example(self) -> dict[str, int]:
        """The smallest allowed value of every symbol that was met."""
        return {name: domain.first for name, domain in sorted(self._domains.items())}

    def allows(self, values: Mapping[str, int]) -> bool:
        """Whether these sizes are allowed; symbols that were not met may be anything from 1."""
        return all(self._domains.get(name, Domain()).allows(value) for name, value in values.items())

    def simplify(self, dim: Dim) -> Dim:
        """An equal size in a simpler form: with H a multiple of 8, 8*(H // 8) is H."""
        if not isinstance(dim, Size):
            return dim
        found = self._simple.get(dim)
        if found is None:
            self._know(dim.symbols)
            found = self._simple[dim] = simplified(dim, self._domains)
            if isinstance(found, Size):
                self._simple[found] = found
        return found

    # --- deciding -------------------------------------------------------------------------------------------------

    def _know(self, names: frozenset[str]) -> None:
        for name in names:
            self._domains.setdefault(name, Domain())

    def _low(self, size: Size) -> int | None:
        if size not in self._lows:
            self._know(size.symbols)
            self._lows[size] = bounds.interval(size, self._domains)[0]
        return self._lows[size]

    def _always(self, dim: Dim, least: int) -> bool:
        if not isinstance(dim, Size):
            return dim >= least
        low = self._low(dim)
        if low is not None and low >= least:
            return True
        if len(dim.symbols) > 1:
            simple = self.simplify(dim)
            return simple != dim and self._always(simple, least)
        (name,) = dim.symbols
        domain = self._domains[name].tightened()
        try:
            return bounds.holding(dim, least, name, domain) == (domain.minimum, domain.maximum)
        except ShapeError:
            return False

    def _is_zero(self, difference: Size) -> bool | None:
        settled = self._settled(difference)
        if not isinstance(settled, Size):
            return settled == 0
        difference = settled
        if prove.never_zero_by_divisibility(difference) or self._always(difference, 1) or self._always(-difference, 1):
            return False
        try:
            classes = prove.zero_classes(difference, self._domains)
            if classes.good:
                return True if len(classes.good) == classes.total else None
            return False if self._chance_zeros(difference) == [] else None
        except ShapeError:
            return None

    def _settled(self, difference: Size) -> Dim:
        """The difference without the quotients that bounds make numbers."""
        self._know(difference.symbols)
        bounded = any(self._domains[name].maximum is not None for name in difference.symbols)
        return self.simplify(difference) if bounded else difference

    def _chance_zeros(self, difference: Size) -> list[int] | None:
        if len(difference.symbols) > 1:
            return None
        (name,) = difference.symbols
        return prove.single_zeros(difference, name, self._domains[name])

    def _require_of_one_symbol(self, a: Size, minimum: int, cause: Cause) -> None:
        (name,) = a.symbols
        domain = self._domains[name]
        found = self._placed(cause, lambda: bounds.holding(a, minimum, name, domain))
        narrowed = domain.meets(Domain(*found)) if found else domain
        if found is None or narrowed.empty:
            self._refuse_below("the size is too small", a, minimum, cause)
        if narrowed.tightened() != domain.tightened():
            self._note_bound(name, cause)
            self._replace(name, narrowed)

    def _unsettled(self, difference: Size, cause: Cause) -> prove.Classes | None:
        """Narrows to where the difference is 0. Hands back the cases where that is not possible."""
        settled = self._settled(difference)
        if settled == 0:
            return None
        forms = dict.fromkeys((difference, settled) if isinstance(settled, Size) else (difference,))
        for form in forms:
            classes = self._placed(cause, partial(prove.zero_classes, form, self._domains))
            if len(classes.good) == classes.total:
                return None
            found = classes.by_symbol()
            if found is not None:
                self._narrow(found, cause)
                return None
        return classes

    def _note_bound(self, name: str, cause: Cause) -> None:
        causes = self._bound_causes.setdefault(name, [])
        if len(causes) == MOST_CAUSES:
            placed = self._at_place(cause)
            expected = f"at most {MOST_CAUSES:,} nodes that bound one size"
            raise ShapeError(Problem(f"too many nodes bound {name}", placed.where, placed.path, expected))
        causes.append(self._at_place(cause))

    # --- narrowing ------------------------------------------------------------------------------------------------

    def _narrow(self, found: Mapping[str, tuple[int, set[int]]], cause: Cause) -> None:
        after = {}
        for name, (step, residues) in found.items():
            before = self._domains[name]
            after[name] = before.meets(Domain().with_residues(step, residues))
            if after[name].empty:
                raise self._error(f"no size is left for {name}", _says(name, before), cause.reason, cause, (name,))
        for name, domain in after.items():
            if domain != self._domains[name]:
                self._residue_causes.setdefault(name, []).append(self._at_place(cause))
                self._replace(name, domain)

    def _replace(self, name: str, domain: Domain) -> None:
        self._domains[name] = domain
        for memory in (self._undecided, self._simple, self._lows):
            memory.clear()

    def _causes(self, name: str) -> tuple[Cause, ...]:
        """Why a symbol is narrow; causes of a bound only where the residues do not imply it."""
        residues = self._residue_causes.get(name, [])
        domain = self._domains[name].tightened()
        implied = domain.minimum == Domain().with_residues(domain.modulus, domain.residues).first
        bound = [] if implied and domain.maximum is None else self._bound_causes.get(name, [])
        return tuple(dict.fromkeys([*residues, *bound]))

    # --- refusing -------------------------------------------------------------------------------------------------

    def _disagreement(self, difference: Size) -> str:
        if len(difference.symbols) > 1:
            names = " and ".join(sorted(difference.symbols))
            never = prove.never_zero_by_divisibility(difference)
            return f"sizes differ for every {names}" if never else f"sizes cannot be shown equal for all {names}"
        (name,) = difference.symbols
        zeros = self._chance_zeros(difference)
        if zeros:
            return f"sizes cannot be shown equal: they are so only for {name} = {', '.join(map(str, zeros))}"
        return f"sizes differ for every {name}" if zeros == [] else f"sizes cannot be shown equal for any {name}"

    def _refuse(self, message: str, a: Dim, b: Dim, cause: Cause) -> NoReturn:
        raise self._error(message, str(a), str(b), cause, symbols_of(a) | symbols_of(b))

    def _refuse_below(self, message: str, a: Dim, minimum: int, cause: Cause) -> NoReturn:
        raise self._error(message, f"at least {minimum}", str(a), cause, symbols_of(a))

    def _error(
        self, message: str, expected: str, received: str, cause: Cause, names: Collection[str] = ()
    ) -> ShapeError:
        """An error at the cause's place; what earlier nodes required of the same symbols is noted."""
        placed = self._at_place(cause)
        notes = tuple(
            (f"{found.text}, because of {earlier.path or 'an earlier node'}: {earlier.reason}", earlier.where)
            for found in self.constraints()
            if found.symbol in names
            for earlier in found.causes
        )
        problem = Problem(message, placed.where, placed.path, expected, received, placed.reason, notes)
        return ShapeError(replace(problem, subject=cause.subject))

    def _at_place(self, cause: Cause) -> Cause:
        return replace(cause, where=cause.where or self._place[0], path=cause.path or self._place[1])

    def _placed(self, cause: Cause, decide: Callable[[], T]) -> T:
        try:
            return decide()
        except ShapeError as error:
            placed = self._at_place(cause)
            raise error.placed(placed.where, placed.path) from None


def _says(name: str, domain: Domain) -> str:
    found = domain.tightened()
    return Constraint(name, found.modulus, found.residues, found.minimum, found.maximum).text
