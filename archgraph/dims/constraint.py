"""Which values a symbol may take, as sets and as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from math import lcm
from pathlib import Path
from typing import Any

from archgraph.errors import Mark, ShapeError
from archgraph.records import record


@record()
class Cause:
    """Why a size was narrowed: the reason in words, the line of the file and the node's address. `subject` is the
    attribute or port that demands it, for the place of an error; nothing else keeps it."""

    reason: str
    where: Mark | None = None
    path: str = ""
    subject: str = field(default="", compare=False)

    def __str__(self) -> str:
        place = " at ".join(part for part in (self.path, self._place) if part)
        return f"{self.reason} ({place})" if place else self.reason

    @property
    def _place(self) -> str:
        return f"{Path(self.where.file).name}:{self.where.line}:{self.where.column}" if self.where else ""

    def to_json(self) -> dict[str, str]:
        """Plain data; the place as `file:line:column`."""
        return {"reason": self.reason, "where": self._place, "path": self.path}

    @classmethod
    def from_json(cls, data: Mapping[str, str]) -> Cause:
        """What `to_json` wrote; the mark lacks the text of its line."""
        file, line, column = data["where"].rsplit(":", 2) if data["where"] else ("", "0", "0")
        where = Mark(file, int(line), int(column)) if data["where"] else None
        return cls(data["reason"], where, data["path"])


@record()
class Domain:
    """The values v with minimum ≤ v ≤ maximum and v mod modulus among the residues; residues are sorted."""

    minimum: int = 1
    maximum: int | None = None
    modulus: int = 1
    residues: tuple[int, ...] = (0,)

    def allows(self, value: int) -> bool:
        above, below = value >= self.minimum, self.maximum is None or value <= self.maximum
        return above and below and value % self.modulus in self.residues

    @property
    def empty(self) -> bool:
        return not self.residues or (self.maximum is not None and self.first > self.maximum)

    @property
    def first(self) -> int:
        """The smallest value; where the maximum lies below it, the domain is empty."""
        return self.at_or_above(self.minimum)

    def at_or_above(self, value: int) -> int:
        """The smallest number from `value` on with an allowed residue."""
        return value + min((residue - value) % self.modulus for residue in self.residues)

    def at_or_below(self, value: int) -> int:
        """The largest number up to `value` with an allowed residue."""
        return value - min((value - residue) % self.modulus for residue in self.residues)

    def values(self, last: int) -> Iterator[int]:
        """All values up to `last`, ascending."""
        end = last if self.maximum is None else min(last, self.maximum)
        for start in range(self.minimum - self.minimum % self.modulus, end + 1, self.modulus):
            yield from (start + residue for residue in self.residues if self.minimum <= start + residue <= end)

    def lifted(self, period: int) -> list[int]:
        """The residues in terms of a multiple of the modulus."""
        return [start + residue for start in range(0, period, self.modulus) for residue in self.residues]

    def with_residues(self, modulus: int, residues: Iterable[int]) -> Domain:
        """The same bounds with other residues, under the smallest modulus that tells them apart."""
        found = set(residues)
        for divisor in (d for d in range(1, modulus + 1) if modulus % d == 0):
            smaller = {residue % divisor for residue in found}
            if len(smaller) * (modulus // divisor) == len(found):
                return replace(self, modulus=divisor, residues=tuple(sorted(smaller)))
        return replace(self, modulus=1, residues=())

    def meets(self, other: Domain) -> Domain:
        """The values that both contain."""
        modulus = lcm(self.modulus, other.modulus)
        bounds = [bound for bound in (self.maximum, other.maximum) if bound is not None]
        both = Domain(max(self.minimum, other.minimum), min(bounds, default=None))
        return both.with_residues(modulus, set(self.lifted(modulus)) & set(other.lifted(modulus)))

    def tightened(self) -> Domain:
        """The same set, with bounds that are themselves in it."""
        top = self.maximum if self.maximum is None else self.at_or_below(self.maximum)
        if (self.minimum, self.maximum) == (self.first, top):
            return self
        return replace(self, minimum=self.first, maximum=top)


@record(slots=False)
class Constraint:
    """What a size must satisfy, and why: a residue modulo something, and bounds."""

    symbol: str
    modulus: int = 1
    residues: tuple[int, ...] = (0,)
    minimum: int = 1
    maximum: int | None = None
    causes: tuple[Cause, ...] = ()

    @property
    def text(self) -> str:
        """The smallest equivalent statement, such as `H must be a multiple of 8 and at least 32`."""
        if self.minimum == self.maximum:
            return f"{self.symbol} must be {self.minimum}"
        bounds = []
        if self.minimum > self._domain(1, None).first:
            bounds.append(f"at least {self.minimum}")
        if self.maximum is not None:
            bounds.append(f"at most {self.maximum}")
        return self._joined(bounds)

    def allows(self, value: int) -> bool:
        return self._domain(self.minimum, self.maximum).allows(value)

    def closest(self, value: int) -> list[int]:
        """The nearest allowed values below and above, as far as there are any."""
        domain = self._domain(self.minimum, self.maximum)
        low = value if self.maximum is None else min(value, self.maximum)
        found = {domain.at_or_below(low), domain.at_or_above(max(value, self.minimum))}
        return sorted(number for number in found if domain.allows(number))

    def to_json(self) -> dict[str, Any]:
        """Plain data, with the sentence for readers that only show it."""
        return {
            "symbol": self.symbol,
            "modulus": self.modulus,
            "residues": list(self.residues),
            "minimum": self.minimum,
            "maximum": self.maximum,
            "text": self.text,
            "causes": [cause.to_json() for cause in self.causes],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Constraint:
        """What `to_json` wrote. Raises ShapeError where the data is not that."""
        try:
            causes = tuple(Cause.from_json(cause) for cause in data["causes"])
            residues = tuple(int(residue) for residue in data["residues"])
            bounds = (int(data["minimum"]), None if data["maximum"] is None else int(data["maximum"]))
            return cls(str(data["symbol"]), int(data["modulus"]), residues, *bounds, causes)
        except (KeyError, TypeError, ValueError) as error:
            raise ShapeError("this is not a constraint on a size", received=repr(data)[:80]) from error

    def _domain(self, minimum: int, maximum: int | None) -> Domain:
        return Domain(minimum, maximum, self.modulus, self.residues)

    def _joined(self, bounds: list[str]) -> str:
        name, modulus, residues = self.symbol, self.modulus, self.residues
        if modulus == 1:
            return f"{name} must be {' and '.join(bounds)}" if bounds else f"{name} may be any size"
        if residues in ((0,), (1,)) and (residues == (0,) or modulus == 2):
            kind = f"a multiple of {modulus}" if residues == (0,) else "odd"
            return f"{name} must be {' and '.join([kind, *bounds])}"
        if 2 * len(residues) <= modulus:
            said = f"must be {_either(residues)}"
        else:
            said = f"must not be {_either(other for other in range(modulus) if other not in residues)}"
        return " and ".join([f"{name} % {modulus} {said}", *(f"{name} must be {bound}" for bound in bounds)])


def _either(numbers: Iterable[int]) -> str:
    *most, last = (str(number) for number in numbers)
    return f"{', '.join(most)} or {last}" if most else last
