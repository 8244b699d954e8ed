"""Numbers for the forms of values: two values are equal where their numbers are, whatever steps made them.

What rearranges or cuts is brought to one form: chains of reshapes, of permutations, of cuts and of shifts are one each,
and those that do nothing are none.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from archgraph.importing.writing.standard.constant_values import ConstantTensor

Form = tuple[Hashable, ...]
Sides = tuple[tuple[int, int], ...]
"""What is added before and after each dimension, negative where something is taken away."""


class FormNumbers:
    """One number for each form of a value, over all bodies that are compared with one another."""

    def __init__(self) -> None:
        self._numbers: dict[Form, int] = {}
        self._forms: list[Form] = []
        self._shapes: list[Form] = []

    def number(self, form: Form, shape: Form) -> int:
        """The number of a form of that shape; two are equal where their numbers are."""
        found = self._numbers.setdefault((form, shape), len(self._forms))
        if found == len(self._forms):
            self._forms.append(form)
            self._shapes.append(shape)
        return found

    def form(self, number: int) -> Form:
        return self._forms[number]

    def shape(self, number: int) -> Form:
        return self._shapes[number]

    def constant(self, found: ConstantTensor) -> int:
        """A tensor of known numbers."""
        return self.number(("constant", found.dtype, found.data), tuple(map(repr, found.shape)))

    def reshaped(self, read: int, shape: Form) -> int:
        """The same numbers in another shape."""
        form = self.form(read)
        if form[0] == "constant":
            return self.number(form, shape)
        base = form[1] if form[0] == "reshape" else read
        assert isinstance(base, int)
        return base if self.shape(base) == shape else self.number(("reshape", base, shape), shape)

    def permuted(self, read: int, order: tuple[int, ...], shape: Form) -> int:
        """A value with its dimensions in another order."""
        form: tuple[Any, ...] = self.form(read)
        base = read
        if form[0] == "permute":
            base, before = form[1], form[2]
            order = tuple(before[axis] for axis in order)
        if form[0] == "reshape":
            inner = order_before(order, self.shape(form[1]), self.shape(read))
            if inner is not None:
                turned = tuple(self.shape(form[1])[axis] for axis in inner)
                return self.reshaped(self.permuted(form[1], inner, turned), shape)
        return base if order == tuple(range(len(order))) else self.number(("permute", base, order), shape)

    def joined(self, read: Sequence[int], axis: int) -> Iterator[int]:
        """The operands of a concatenation, those of concatenations among them one by one."""
        for number in read:
            form = self.form(number)
            if form[0] == "concat" and form[1] == axis:
                yield from form[2:]  # type: ignore[misc]
            else:
                yield number

    def without_leading_ones(self, number: int) -> int:
        """A value without the leading dimensions of size 1 that a reshape gave it."""
        shape = self.shape(number)
        if self.form(number)[0] not in ("reshape", "constant") or shape[:1] != ("1",):
            return number
        return self.reshaped(number, behind_ones(shape))

    def padded(self, read: int, sides: Sides, value: float | None, shape: Form) -> int:
        """A value with more or less on its sides; `value` fills what is added. A cut and a padding are one step, unless
        one takes away what the other would fill."""
        form: tuple[Any, ...] = self.form(read)
        if form[0] == "padded":
            _, base, before, filled = form
            both = tuple((a + c, b + d) for (a, b), (c, d) in zip(before, sides, strict=True))
            lost = any(x < 0 < y for one, two in zip(before, sides, strict=True) for x, y in zip(one, two, strict=True))
            if not lost and (filled is None or value is None or filled == value):
                return self.padded(base, both, filled if value is None else value, shape)
        if not any(map(any, sides)):
            return read
        grows = any(side > 0 for pair in sides for side in pair)
        return self.number(("padded", read, sides, value if grows else None), shape)

    def rolled(self, read: int, shifts: Mapping[int, int], shape: Form) -> int:
        """A value whose elements are shifted around along dimensions, by the number of places for each."""
        form: tuple[Any, ...] = self.form(read)
        base, before = (form[1], dict(form[2])) if form[0] == "rolled" else (read, {})
        total = {axis: before.get(axis, 0) + shifts.get(axis, 0) for axis in {*before, *shifts}}
        left = {axis: shift % int(str(shape[axis])) for axis, shift in total.items()}
        kept = tuple(sorted((axis, shift) for axis, shift in left.items() if shift))
        return self.number(("rolled", base, kept), shape) if kept else base

    def rows(self, table: int, index: int, shape: Form) -> int:
        """Rows of a table, by whole numbers in any shape."""
        form = self.form(index)
        base = form[1] if form[0] == "reshape" else index
        assert isinstance(base, int)
        plain = (*self.shape(base), *self.shape(table)[1:])
        return self.reshaped(self.number(("rows", table, base), plain), shape)


def behind_ones(shape: Form) -> Form:
    """A shape without its leading dimensions of size 1."""
    return shape[next((axis for axis, size in enumerate(shape) if size != "1"), len(shape)) :]


def order_before(order: tuple[int, ...], base: Form, shape: Form) -> tuple[int, ...] | None:
    """The permutation of a base that, reshaped afterwards, is that permutation of the reshaped base.

    There is one where the reshape joins neighbouring dimensions into one, or parts one into some that stay neighbours.
    """
    pairs = list(zip(base, shape, strict=False))
    first = next((place for place, (a, b) in enumerate(pairs) if a != b), len(pairs))
    rest = list(zip(base[first:][::-1], shape[first:][::-1], strict=False))
    last = next((place for place, (a, b) in enumerate(rest) if a != b), len(rest))
    joined_from, parted_into = len(base) - first - last, len(shape) - first - last
    if parted_into == 1 and joined_from > 1:
        more = joined_from - 1
        spread = {axis: [axis if axis < first else axis + more] for axis in order}
        spread[first] = list(range(first, first + joined_from))
        return tuple(inner for axis in order for inner in spread[axis])
    if joined_from == 1 and parted_into > 1:
        inside = list(range(first, first + parted_into))
        place = order.index(first)
        if list(order[place : place + parted_into]) != inside:
            return None
        kept = [axis for axis in order if axis not in inside[1:]]
        return tuple(axis if axis <= first else axis - parted_into + 1 for axis in kept)
    return None
