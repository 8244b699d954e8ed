"""Forms of values: what cuts, pads, shifts and looks up is equal where it makes the same tensor, and only there."""

from __future__ import annotations

from archgraph.importing.writing.standard.form_numbers import FormNumbers

NUMBERS = FormNumbers()
X = NUMBERS.number(("input", 0, "float32"), ("10",))


def cut(read: int, start: int, stop: int, size: int) -> int:
    """read[start:stop] of a row of that size."""
    return NUMBERS.padded(read, ((-start, stop - size),), None, (repr(stop - start),))


def padded(read: int, before: int, after: int, size: int, value: float = 0.0) -> int:
    return NUMBERS.padded(read, ((before, after),), value, (repr(size + before + after),))


def test_a_padding_that_is_cut_off_is_a_smaller_one() -> None:
    assert cut(padded(X, 0, 6, 10), 0, 12, 16) == padded(X, 0, 2, 10)
    assert cut(padded(X, 0, 6, 10), 0, 10, 16) == X
    assert cut(padded(X, 3, 0, 10), 4, 13, 13) == cut(X, 1, 10, 10)


def test_a_cut_that_is_padded_stays_two_steps() -> None:
    assert padded(cut(X, 0, 8, 10), 0, 2, 8) != X
    assert padded(cut(X, 0, 8, 10), 2, 0, 8) == padded(cut(X, 0, 8, 10), 2, 0, 8) != X


def test_what_fills_a_padding_counts_where_it_is_seen() -> None:
    assert padded(X, 0, 2, 10, 1.0) != padded(X, 0, 2, 10)
    assert cut(padded(X, 0, 2, 10, 1.0), 0, 9, 12) == cut(X, 0, 9, 10)
    assert padded(padded(X, 0, 2, 10, 1.0), 0, 2, 12) != padded(X, 0, 4, 10)


def test_shifts_add_up_around_the_size() -> None:
    once = NUMBERS.rolled(X, {0: -3}, ("10",))
    assert once == NUMBERS.rolled(X, {0: 7}, ("10",)) != X
    assert NUMBERS.rolled(once, {0: 3}, ("10",)) == X


def test_rows_by_an_index_in_another_shape_are_the_same_rows() -> None:
    table = NUMBERS.number(("input", 1, "float32"), ("5", "4"))
    index = NUMBERS.number(("input", 2, "int64"), ("6",))
    rows = NUMBERS.rows(table, index, ("6", "4"))
    apart = NUMBERS.rows(table, NUMBERS.reshaped(index, ("2", "3")), ("2", "3", "4"))
    assert apart == NUMBERS.reshaped(rows, ("2", "3", "4"))
