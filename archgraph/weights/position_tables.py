"""Position tables for another grid: absolute ones with their prefix tokens, relative ones of attention windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import Final, TypeAlias

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.errors import WeightsError, nearest
from archgraph.weights.resampling import cubic_matrix, resampled, uneven_linear_matrix
from archgraph.weights.tensors import LazyTensor

Grid: TypeAlias = tuple[int, int]
Shape: TypeAlias = tuple[int, ...]

MOST_PREFIX_TOKENS: Final = 8
"""Class, distillation and register tokens stand before the grid, five at most in published networks."""


@dataclass(frozen=True, slots=True)
class Method:
    """How a library resizes the grid of an absolute table: always bicubic."""

    name: str
    align_corners: bool
    antialias: bool

    @property
    def text(self) -> str:
        """What it does, for a report."""
        if self is RELATIVE:
            return "timm does it for relative positions"
        corners, smoothed = ", corners on corners" * self.align_corners, ", antialiased" * self.antialias
        return f"{self.name} does it (bicubic{corners}{smoothed})"


TORCHVISION: Final = Method("torchvision", align_corners=True, antialias=False)
"""`torchvision.models.vision_transformer.interpolate_embeddings`."""
TIMM: Final = Method("timm", align_corners=False, antialias=True)
"""`timm.layers.resample_abs_pos_embed`."""
TRANSFORMERS: Final = Method("transformers", align_corners=False, antialias=False)
"""`interpolate_pos_encoding` of the vision models of transformers."""
RELATIVE: Final = Method("timm", align_corners=True, antialias=False)
"""`timm.layers.resize_rel_pos_bias_table`, which is not bicubic."""
METHODS: Final = {method.name: method for method in (TORCHVISION, TIMM, TRANSFORMERS)}

_NAMED: Final = {
    "pos_embedding": TORCHVISION,
    "pos_embed": TIMM,
    "position_embedding": TRANSFORMERS,
    "position_embeddings": TRANSFORMERS,
}
"""What each library calls its table."""
_RELATIVE: Final = ("relative_position_bias_table", "rel_pos_bias", "relative_position_bias")


def method_for(key: str) -> Method:
    """The method of the library whose name for a position table the key has; else torchvision's."""
    names = key.split(".")[::-1]
    return next((_NAMED[name] for name in names if name in _NAMED), TORCHVISION)


def method_named(name: str, key: str) -> Method:
    """The method of that name for a table; without a name, the one of the library that calls the table so.

    Raises WeightsError for one that there is not, and for a relative table, which has one.
    """
    if name and name not in METHODS:
        raise WeightsError(
            f"--resize: there is no method '{name}'",
            expected=f"{', '.join(METHODS)}, as in --resize {key}:timm",
            hint=nearest(name, METHODS),
        )
    if not is_relative(key):
        return METHODS[name] if name else method_for(key)
    if name not in ("", RELATIVE.name):
        raise WeightsError(
            f"--resize {key}:{name}: {name} resizes no relative positions", expected=f"--resize {key}:{RELATIVE.name}"
        )
    return RELATIVE


def is_relative(key: str) -> bool:
    """Whether a key names a table of biases for relative positions."""
    return any(name in _RELATIVE for name in key.split("."))


def resized(key: str, tensor: LazyTensor, shape: Shape, method: Method | None = None) -> LazyTensor:
    """A position table of a file in the shape that the network needs; it is read and resized when it is asked for.

    Raises WeightsError: another number of channels or heads, a table that is no square.
    """
    return tensor if tensor.shape == shape else tensor.mapped(shape, resizing(key, tensor.shape, shape, method))


def resized_table(key: str, table: Array, shape: Shape, method: Method | None = None) -> Array:
    """A position table in the shape that the network needs. Raises WeightsError, as `resizing` does."""
    return table if table.shape == shape else resizing(key, table.shape, shape, method)(table)


def resizing(key: str, have: Shape, want: Shape, method: Method | None = None) -> Callable[[Array], Array]:
    """What makes a table of one shape one of another, as the library does it whose name for such a table the key has.

    Raises WeightsError: another number of channels or heads, a table that is no square.
    """
    if is_relative(key):
        return _resizing_relative(key, have, want)
    if len(have) == len(want) == 4:
        return _resizing_map(key, have, want, method or method_for(key))
    tokens, needed = _tokens(key, have), _tokens(key, want)
    if len(have) != len(want) or have[-1] != want[-1]:
        raise _misfit(key, have, want, "only the number of positions may differ")
    prefix = _prefix_tokens(key, tokens, needed)
    side = isqrt(needed - prefix)
    resize = partial(resize_absolute, size=(side, side), prefix=prefix, method=method or method_for(key))
    return lambda table: resize(table.reshape(1, tokens, want[-1])).reshape(want)


def resize_absolute(
    table: Array, size: Grid, *, prefix: int = 1, old_size: Grid | None = None, method: Method = TORCHVISION
) -> Array:
    """[1, prefix + h*w, channels] → [1, prefix + size[0]*size[1], channels]; the prefix tokens stay as they are.

    Without `old_size` the grid of the table is a square. Raises WeightsError where it is none.
    """
    if table.ndim != 3 or table.shape[0] != 1:
        raise WeightsError(
            "this is no table of absolute positions", expected="[1, positions, channels]", received=_shown(table.shape)
        )
    old = old_size or _square(table.shape[1] - prefix, f"{table.shape[1]} positions with {_prefixed(prefix)}")
    if prefix + old[0] * old[1] != table.shape[1]:
        raise WeightsError(
            f"the table has not the positions of a grid of {old[0]} x {old[1]}",
            expected=f"{prefix + old[0] * old[1]} positions with {_prefixed(prefix)}",
            received=f"{table.shape[1]} positions",
        )
    if old == size:
        return table
    grid = _bicubic(table[0, prefix:].reshape(*old, -1), size, method).reshape(size[0] * size[1], -1)
    return np.concatenate([table[0, :prefix], grid])[None]


def resize_relative(table: Array, window: Grid, *, extra: int = 0, old_window: Grid | None = None) -> Array:
    """[(2*h - 1)*(2*w - 1) + extra, heads] or [heads, 2*h - 1, 2*w - 1] → the same for another window.

    The old distances are spread geometrically over the new ones, dense near 0, and read linearly, as BEiT and timm's
    `resize_rel_pos_bias_table` do it; the `extra` rows, of a class token, stay as they are. Raises WeightsError.
    """
    size = (2 * window[0] - 1, 2 * window[1] - 1)
    if table.ndim == 3:
        return _channels_first(_spread(np.moveaxis(table, 0, -1), size))
    rows = table.shape[0] - extra
    old = (2 * old_window[0] - 1, 2 * old_window[1] - 1) if old_window else _square(rows, f"{rows} relative positions")
    if old[0] * old[1] != rows:
        raise WeightsError(
            f"the table has not the relative positions of a window of {(old[0] + 1) // 2} x {(old[1] + 1) // 2}",
            expected=f"{old[0] * old[1] + extra} rows",
            received=f"{table.shape[0]} rows",
        )
    grid = _spread(table[:rows].reshape(*old, -1), size).reshape(size[0] * size[1], -1)
    return np.concatenate([grid, table[rows:]])


# -- the shape that is needed says what the table is ------------------------------------------------------------------


def _resizing_relative(key: str, have: Shape, want: Shape) -> Callable[[Array], Array]:
    if len(have) != len(want) or len(have) not in (2, 3):
        raise _misfit(key, have, want, "[positions, heads] or [heads, height, width]")
    if len(have) == 3:
        if have[0] != want[0] or not all(side % 2 for side in (*have[1:], *want[1:])):
            raise _misfit(key, have, want, "as many heads, and an odd number of distances")
        return partial(resize_relative, window=((want[1] + 1) // 2, (want[2] + 1) // 2))
    if have[1] != want[1]:
        raise _misfit(key, have, want, "only the number of relative positions may differ")
    for extra in (0, 3):  # a class token has three distances: to it, from it, to itself
        if _is_odd_square(have[0] - extra) and _is_odd_square(want[0] - extra):
            side = (isqrt(want[0] - extra) + 1) // 2
            return partial(resize_relative, window=(side, side), extra=extra)
    raise _no_square(key, f"{have[0]} and {want[0]} relative positions")


def _resizing_map(key: str, have: Shape, want: Shape, method: Method) -> Callable[[Array], Array]:
    """[1, h, w, channels] or [1, channels, h, w]: the side that is equal is that of the channels."""
    if have[0] != 1 or want[0] != 1:
        raise _misfit(key, have, want, "[1, height, width, channels] or [1, channels, height, width]")
    if have[3] == want[3]:
        return lambda table: _bicubic(table[0], (want[1], want[2]), method)[None]
    if have[1] == want[1]:
        return lambda table: _channels_first(_bicubic(np.moveaxis(table[0], 0, -1), (want[2], want[3]), method))[None]
    raise _misfit(key, have, want, "as many channels")


def _channels_first(grid: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(grid, -1, 0))


def _is_odd_square(cells: int) -> bool:
    return cells > 0 and cells % 2 == 1 and isqrt(cells) ** 2 == cells


def _tokens(key: str, shape: Shape) -> int:
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] != 1):
        raise WeightsError(
            f"'{key}' is no table of positions",
            expected="[1, positions, channels], [positions, channels] or a grid of four dimensions",
            received=_shown(shape),
        )
    return shape[-2]


def _prefix_tokens(key: str, old: int, new: int) -> int:
    """How many tokens stand before the grid: what leaves two squares. Raises WeightsError."""
    for prefix in range(min(MOST_PREFIX_TOKENS + 1, old, new)):
        if isqrt(old - prefix) ** 2 == old - prefix and isqrt(new - prefix) ** 2 == new - prefix:
            return prefix
    raise _no_square(key, f"{old} and {new} positions")


def _no_square(key: str, received: str) -> WeightsError:
    return WeightsError(
        f"'{key}' cannot be resized: with no number of tokens before the grid are both tables squares",
        expected="square grids, such as 14 x 14 and a class token in 197 positions",
        received=received,
        hint="archgraph.weights.position_tables resizes other grids, where both sizes are given",
    )


def _misfit(key: str, have: Shape, want: Shape, expected: str) -> WeightsError:
    return WeightsError(
        f"'{key}' cannot be resized from {_shown(have)} to {_shown(want)}", expected=expected, received=_shown(have)
    )


# -- resizing ---------------------------------------------------------------------------------------------------------


def _bicubic(grid: Array, size: Grid, method: Method) -> Array:
    old = grid.shape[:2]
    rows, columns = (
        cubic_matrix(before, after, align_corners=method.align_corners, antialias=method.antialias)
        for before, after in zip(old, size, strict=True)
    )
    return resampled(grid, rows, columns)


def _spread(grid: Array, size: Grid) -> Array:
    """A grid of distances for more of them, or fewer."""
    if grid.shape[:2] == size:
        return grid
    rows, columns = (
        uneven_linear_matrix(_geometric_distances(before, after), np.arange(-(after // 2), after // 2 + 1.0))
        for before, after in zip(grid.shape[:2], size, strict=True)
    )
    return resampled(grid, rows, columns)


def _geometric_distances(old: int, new: int) -> Array:
    """Where the `old` distances lie among `new` ones: gaps of 1, q, q², … from 0 out, so that they end at new // 2."""
    left, right = 1.01, 1.5
    ratio = left
    while right - left > 1e-6:
        ratio = (left + right) / 2
        if (1 - ratio ** (old // 2)) / (1 - ratio) > new // 2:
            right = ratio
        else:
            left = ratio
    gaps = np.concatenate([[1.0], ratio ** np.arange(1.0, old // 2)])[: old // 2]
    outwards = np.cumsum(gaps)
    return np.concatenate([-outwards[::-1], [0.0], outwards])


def _square(cells: int, what: str) -> Grid:
    side = isqrt(max(cells, 0))
    if cells < 1 or side * side != cells:
        raise WeightsError(
            f"the table is no square: {what} leave no grid of equal sides",
            expected="a square number of positions, or the size of the grid",
            received=str(cells),
        )
    return side, side


def _prefixed(prefix: int) -> str:
    return "one token before the grid" if prefix == 1 else f"{prefix or 'no'} tokens before the grid"


def _shown(shape: Shape) -> str:
    return str(list(shape))
