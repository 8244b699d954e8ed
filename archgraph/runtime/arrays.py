"""Whether arrays are what the file takes: names, element types, symbolic shapes and constraints, all at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.sizes import evaluate, shape_text, symbol_of
from archgraph.artifact.tensor_specs import TensorSpec
from archgraph.dims import Constraint
from archgraph.errors import InputError, Problem, nearest

FIT = "take arrays that fit together, or split them into batches of equal size"


def named_feeds(feeds: Sequence[Any], arrays: Mapping[str, Any], inputs: Sequence[TensorSpec]) -> dict[str, Any]:
    """Arrays by the names of the inputs, of a mapping, of keywords, or of arrays in the order of the inputs.

    Raises InputError where an input is given twice, and for more arrays than there are inputs.
    """
    names = [spec.name for spec in inputs]
    given: dict[str, Any] = {}
    if len(feeds) == 1 and (isinstance(feeds[0], Mapping) or feeds[0] is None):
        given = dict(feeds[0] or {})
    elif len(feeds) == 1 and isinstance(feeds[0], (list, tuple)) and len(names) > 1 and len(feeds[0]) == len(names):
        given = dict(zip(names, feeds[0], strict=True))
    elif len(feeds) == 2 and isinstance(feeds[1], Mapping):
        hint = "session.run(feeds) gives all outputs by name"
        raise InputError("outputs are not chosen", expected="a mapping of inputs", received="two arguments", hint=hint)
    elif len(feeds) > len(names):
        wanted = ", ".join(map(str, inputs))
        raise InputError("there are more arrays than inputs", expected=wanted, received=f"{len(feeds)} arrays")
    else:
        given = dict(zip(names, feeds, strict=False))
    if twice := sorted(given.keys() & arrays.keys()):
        raise InputError(f"the input '{twice[0]}' is given twice", expected="one array for each input")
    return {**given, **arrays}


def checked_arrays(
    given: Mapping[str, Any], inputs: Iterable[TensorSpec], constraints: Iterable[Constraint]
) -> dict[str, Array]:
    """The arrays in the order and of the element types of the inputs. Raises InputError with every misfit."""
    wanted = {spec.name: spec for spec in inputs}
    problems = list(_names(given, wanted))
    arrays: dict[str, Array] = {}
    for name, spec in wanted.items():
        if name not in given:
            continue
        converted = _converted(given[name], spec)
        if isinstance(converted, Problem):
            problems.append(converted)
        else:
            arrays[name] = converted
    shapes = {name: arrays[name].shape for name in wanted if name in arrays}
    found, symbols = check_shapes(shapes, wanted)
    problems += [*found, *check_sizes(symbols, constraints)]
    if not problems:
        problems += check_ranges(arrays, wanted, symbols)
    if problems:
        raise InputError(*problems)
    return {name: arrays[name] for name in wanted}


def _names(given: Mapping[str, Any], wanted: Mapping[str, TensorSpec]) -> Iterator[Problem]:
    missing = [str(spec) for name, spec in wanted.items() if name not in given]
    for name in given:
        if name not in wanted:
            hint = nearest(str(name), wanted)
            yield Problem(f"the file has no input '{name}'", expected=", ".join(wanted), received=str(name), hint=hint)
    if missing:
        received = ", ".join(map(str, given)) or "nothing"
        yield Problem("inputs are missing", expected=", ".join(missing), received=received)


def _converted(value: Any, spec: TensorSpec) -> Array | Problem:
    """The array in the wanted element type, where the kind of number is the same and nothing overflows."""
    try:
        array = np.asarray(_on_the_host(value))
    except (ValueError, TypeError, RuntimeError) as error:
        return Problem(f"'{spec.name}' is not an array", expected=str(spec), received=str(error))
    wanted = np.dtype(spec.dtype)
    if array.dtype == wanted:
        return array
    kinds = {"f": "f", "i": "iu", "u": "iu", "b": "b"}
    if array.dtype.kind not in kinds.get(wanted.kind, ""):
        hint = f"convert it with .astype('{spec.dtype}')" if array.dtype.kind in "fiub" else ""
        if isinstance(value, str):
            hint = "preprocess(load_image(path), session.meta) makes an array of a picture"
        return Problem(
            f"'{spec.name}' has the wrong element type", expected=spec.dtype, received=str(array.dtype), hint=hint
        )
    with np.errstate(over="ignore"):
        cast = array.astype(wanted)
    if not _is_lossless(array, cast):
        return Problem(f"'{spec.name}' has values that {spec.dtype} cannot hold", received=str(array.dtype))
    return cast


def _on_the_host(value: Any) -> Any:
    """A tensor of torch as numpy can take it: without its gradient, on the CPU; anything else as it is."""
    if not hasattr(value, "detach") or not hasattr(value, "cpu"):
        return value
    plain = value.detach().cpu()
    return plain.float() if str(plain.dtype) == "torch.bfloat16" else plain


def _is_lossless(array: Array, cast: Array) -> bool:
    """Whether a cast kept integers as they are, and finite numbers finite."""
    if cast.dtype.kind == "f":
        return bool(np.array_equal(np.isfinite(array), np.isfinite(cast)))
    return bool(np.array_equal(array, cast))


def check_shapes(
    shapes: Mapping[str, tuple[int, ...]], wanted: Mapping[str, TensorSpec]
) -> tuple[list[Problem], dict[str, int]]:
    """The problems of the shapes, and the size of each symbol."""
    problems: list[Problem] = []
    first: dict[str, tuple[int, str]] = {}
    for name, shape in shapes.items():
        spec = wanted[name]
        if len(shape) != len(spec.shape):
            message = f"'{name}' has {len(shape)} axes instead of {len(spec.shape)}"
            problems.append(Problem(message, expected=shape_text(spec.shape), received=str(shape)))
            continue
        problems += _bound(spec, shape, first)
    symbols = {symbol: size for symbol, (size, _) in first.items()}
    for name, shape in shapes.items():
        if len(shape) == len(wanted[name].shape):
            problems += _fixed(wanted[name], shape, symbols)
    return problems, symbols


def _bound(spec: TensorSpec, shape: tuple[int, ...], first: dict[str, tuple[int, str]]) -> Iterator[Problem]:
    """Gives each symbol the size where it is met first; elsewhere it must be the same."""
    for axis, (wanted, size) in enumerate(zip(spec.shape, shape, strict=True)):
        if (symbol := symbol_of(wanted)) is None:
            continue
        known, place = first.setdefault(symbol, (size, f"axis {axis} of '{spec.name}'"))
        if size != known:
            message = f"{symbol} is {known} on {place}, but {size} on axis {axis} of '{spec.name}'"
            yield Problem(message, expected=shape_text(spec.shape), received=str(shape), hint=FIT)
        elif size < 1:
            message = f"'{spec.name}' is empty: {symbol} is 0"
            yield Problem(message, expected=shape_text(spec.shape), received=str(shape))


def _fixed(spec: TensorSpec, shape: tuple[int, ...], symbols: Mapping[str, int]) -> Iterator[Problem]:
    for axis, (wanted, size) in enumerate(zip(spec.shape, shape, strict=True)):
        if symbol_of(wanted) is not None:
            continue
        expected = evaluate(wanted, symbols)
        if expected is not None and expected != size:
            meaning = f"{wanted}" if isinstance(wanted, int) else f"{wanted} = {expected}"
            message = f"axis {axis} of '{spec.name}' must be {meaning}"
            hint = spec.how_to_free(axis)
            yield Problem(message, expected=shape_text(spec.shape), received=str(shape), hint=hint)


def check_ranges(
    arrays: Mapping[str, Array], wanted: Mapping[str, TensorSpec], symbols: Mapping[str, int]
) -> Iterator[Problem]:
    """The first number of each input that is the index of no row."""
    for name, spec in wanted.items():
        problem = spec.range.problem(name, arrays[name], symbols) if spec.range is not None else None
        if problem is not None:
            yield problem


def check_sizes(symbols: Mapping[str, int], constraints: Iterable[Constraint]) -> Iterator[Problem]:
    """The constraints that the sizes break, each with its causes and the nearest sizes that would do."""
    for constraint in constraints:
        size = evaluate(constraint.symbol, symbols)
        if size is None or constraint.allows(size):
            continue
        near = constraint.closest(size)
        yield Problem(
            f"{constraint.text}; received {constraint.symbol} = {size}",
            hint=f"nearest: {' or '.join(f'{constraint.symbol} = {n}' for n in near)}" if near else "",
            notes=tuple((str(cause), None) for cause in constraint.causes),
        )
