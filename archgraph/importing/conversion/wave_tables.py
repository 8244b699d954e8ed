"""Tables of sines and cosines of positions as the steps that make them: their frequencies are found, and all numbers
are compared with those of the steps.

A table that a module made in float32 has the rounding of its own steps. It is written as steps where no number departs
from theirs by more than such rounding: an angle of a radians, which came about in a few operations, is wrong by some
units of 2⁻²⁴ · a, its sine by no more, and by its own rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from archgraph.importing.conversion.written_tables import ROUNDING, FloatTable, Nodes

_OPERATIONS = 8
"""So many roundings an angle may have gone through."""
_LEAST_ROWS = 3
_PERIOD = 10_000.0
_PERIODS = (_PERIOD, 500_000.0, 1_000_000.0)
"""Those of most rotary tables; a cosine in float32 tells no more than five digits of its own."""


@dataclass(frozen=True, slots=True)
class _Waves:
    """Angles position · step · period ** (-k / (count - shift)), k = 0 … count - 1."""

    count: int
    step: float
    period: float
    shift: int

    def angles(self, length: int) -> torch.Tensor:
        """[length, count]."""
        rates = self.period ** (-torch.arange(self.count, dtype=torch.float64) / (self.count - self.shift))
        return torch.arange(length, dtype=torch.float64)[:, None] * self.step * rates


def wave_tables(tensor: torch.Tensor) -> Iterator[FloatTable]:
    """The ways in which a table [L, D], [1, L, D] or [1, 1, L, D] could be made, the likeliest first; none of another
    table."""
    table = tensor.double()
    leading = table.ndim - 2
    if tensor.dtype not in ROUNDING or leading not in (0, 1, 2) or any(size != 1 for size in table.shape[:leading]):
        return
    table = table.reshape(table.shape[-2:])
    length, width = table.shape
    if length < _LEAST_ROWS or width % 2 or not bool(table.isfinite().all()) or float(table.abs().max()) > 1 + 1e-6:
        return
    twice = torch.equal(table[:, ::2], table[:, 1::2])
    plain = table[:, ::2] if twice else table
    for nodes, expected, angles in (*_planar(plain), *_linear(plain), *_single(plain)):
        bound = ROUNDING[tensor.dtype] * (2 + _OPERATIONS * angles)
        if bool(((expected - plain).abs() <= bound).all()):
            (last,) = [*nodes][-1:]
            more: dict[str, Any] = {}
            if twice:
                more["twice"] = {"op": "repeat_interleave", "in": last, "repeats": 2, "dim": 1}
                bound, last = bound.repeat_interleave(2, 1), "twice"
            if leading:
                more["table"] = {"op": "unsqueeze", "in": last, "dim": 0 if leading == 1 else [0, 1]}
            yield FloatTable({**nodes, **more}, bound.reshape(tensor.shape))


_Made = tuple[Nodes, torch.Tensor, torch.Tensor]
"""Steps, the numbers that they make, and the angles behind these."""


def _planar(table: torch.Tensor) -> Iterator[_Made]:
    """Positions in a plane: half of the waves follow rows, half columns."""
    length, width = table.shape
    if width % 4:
        return
    part = width // 4
    across = _period_of_rows(table[:, :part]) if bool((table[1, :part] != table[0, :part]).any()) else 0
    if across and not length % across:  # the first channels are those of columns
        yield from _sincos(table, length // across, across)
    across = _period_of_rows(table[:, part : 2 * part])
    if across and not length % across:
        yield from _rotary(table, length // across, across)


def _period_of_rows(columns: torch.Tensor) -> int:
    """After how many rows these columns begin anew; 0 where they do not."""
    again = (columns[1:] == columns[0]).all(1).nonzero()
    return int(again[0]) + 1 if again.numel() else 0


def _sincos(table: torch.Tensor, height: int, width: int) -> Iterator[_Made]:
    part = table.shape[1] // 4
    for waves in _waves(table[1, :part], table[1, part : 2 * part]) if width > 1 else ():
        if waves.period != _PERIOD:
            continue
        across = waves.angles(width).repeat(height, 1)
        down = waves.angles(height).repeat_interleave(width, 0)
        made = torch.cat([across.sin(), across.cos(), down.sin(), down.cos()], 1)
        more = {"width": width} if width != height else {}
        shift = {"freq_shift": float(waves.shift)} if waves.shift else {}
        node = {"op": "sincos_position", "height": height, **more, "dim": 4 * part, **_stepped(waves), **shift}
        yield {"positions": node}, made, torch.cat([across, across, down, down], 1)


def _rotary(table: torch.Tensor, height: int, width: int) -> Iterator[_Made]:
    part = table.shape[1] // 4
    for waves in _waves(table[1, part : 2 * part], table[1, 3 * part :]) if width > 1 else ():
        if waves.shift:
            continue
        across = waves.angles(width).repeat(height, 1)
        down = waves.angles(height).repeat_interleave(width, 0)
        angles = torch.cat([down, across], 1)
        more = {"width": width} if width != height else {}
        period = {"max_period": waves.period} if waves.period != _PERIOD else {}
        node = {"op": "rotary_position", "height": height, **more, "dim": 4 * part, **_stepped(waves), **period}
        yield {"rotation": node}, torch.cat([angles.sin(), angles.cos()], 1), angles.repeat(1, 2)


def _linear(table: torch.Tensor) -> Iterator[_Made]:
    """Positions in a row: sines, then cosines, or the other way round."""
    length, width = table.shape
    first, second = table[1, : width // 2], table[1, width // 2 :]
    for flipped in (False, True):
        for waves in _waves(*((second, first) if flipped else (first, second))):
            angles = waves.angles(length)
            parts = [angles.sin(), angles.cos()]
            nodes: dict[str, Any] = {"numbers": {"op": "arange", "end": length}}
            if waves.step != 1:
                nodes["places"] = {"op": "mul", "in": "numbers", "value": waves.step}
            about = {"dim": width, "freq_shift": float(waves.shift), "max_period": waves.period}
            flip = {"flip_sin_to_cos": True} if flipped else {}
            nodes["waves"] = {"op": "sinusoidal_embedding", "in": [*nodes][-1], **about, **flip}
            yield nodes, torch.cat(parts[::-1] if flipped else parts, 1), angles.repeat(1, 2)


def _single(table: torch.Tensor) -> Iterator[_Made]:
    """The sines alone, or the cosines alone, of positions in a row, once or twice side by side: the tables of rotary
    embeddings."""
    length, width = table.shape
    halves = width % 2 == 0 and torch.equal(table[:, : width // 2], table[:, width // 2 :])
    one = table[:, : width // 2] if halves else table
    count = one.shape[1]
    if count < 2 or not bool((one[0] == one[0, 0]).all()) or float(one[0, 0]) not in (0.0, 1.0):
        return
    is_cosine = float(one[0, 0]) == 1
    rates = one[1, :2].clamp(-1, 1).arccos() if is_cosine else one[1, :2].clamp(-1, 1).arcsin()
    if not 0 < float(rates[1]) < float(rates[0]):
        return
    period = _plain(float(rates[0] / rates[1]) ** count)
    for known in dict.fromkeys((*_PERIODS, period)):
        waves = _Waves(count, _plain(float(rates[0])), known, 0)
        angles = waves.angles(length)
        nodes: dict[str, Any] = {"numbers": {"op": "arange", "end": length}}
        if waves.step != 1:
            nodes["places"] = {"op": "mul", "in": "numbers", "value": waves.step}
        about = {"dim": 2 * count, "freq_shift": 0.0, **({"max_period": known} if known != _PERIOD else {})}
        nodes["waves"] = {"op": "sinusoidal_embedding", "in": [*nodes][-1], **about}
        place = {"start": count} if is_cosine else {"end": count}
        nodes["part"] = {"op": "slice", "in": "waves", "dim": 1, **place}
        if halves:
            nodes["both"] = {"op": "concat", "in": ["part", "part"], "dim": 1}
        made = angles.cos() if is_cosine else angles.sin()
        times = 2 if halves else 1
        yield nodes, made.repeat(1, times), angles.repeat(1, times)


def _stepped(waves: _Waves) -> dict[str, float]:
    return {"step": waves.step} if waves.step != 1 else {}


def _waves(sines: torch.Tensor, cosines: torch.Tensor) -> Iterator[_Waves]:
    """The waves whose sines and cosines at the first step are these."""
    count = sines.numel()
    if count < 2:
        return
    rates = torch.atan2(sines, cosines)
    if not bool((rates > 0).all()) or not bool((rates[:-1] > rates[1:]).all()):
        return
    step, ratio = _plain(float(rates[0])), float(rates[0] / rates[-1])
    found = [_Waves(count, step, _plain(ratio ** ((count - shift) / (count - 1))), shift) for shift in (0, 1)]
    yield from sorted(found, key=lambda waves: not waves.period.is_integer())


def _plain(number: float) -> float:
    """The fraction or whole number that a number is, up to rounding."""
    for divisor in (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 24, 32, 48, 64):
        nearest = round(number * divisor) / divisor
        if nearest and math.isclose(nearest, number, rel_tol=1e-5):
            return nearest
    return number
