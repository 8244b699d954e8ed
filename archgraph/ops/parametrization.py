"""Weights that are computed from others: weight norm and spectral norm, as torch wraps a module in them.

An operation whose weight can be stored in another form is a `ParametrizedOperation`; its file says no more of it than
which weights it has. What is stored, and under which keys, stands here, for all of them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Annotated, Any, ClassVar, Self, TypeAlias

from pydantic import BeforeValidator, model_validator

from archgraph.errors import ShapeError
from archgraph.ops.attributes import Says
from archgraph.ops.contract import Init, Inputs, Operation, Weight
from archgraph.records import record, taken_by_class

KERNEL = "weight"
"""The weight that is parametrized."""


@record()
class WeightNorm:
    """g · v / ‖v‖, where each entry of the dimension `dim` has a magnitude g of its own, or, by null, all of them one.

    Salimans and Kingma 2016, Weight Normalization. `parametrize: false` has the keys of torch.nn.utils.weight_norm.
    """

    name: ClassVar[str] = "weight_norm"
    dim: int | None = 0
    parametrize: bool = True
    __get_pydantic_core_schema__: ClassVar[Any] = classmethod(taken_by_class)

    def parts(self, kernel: Weight) -> tuple[Weight, ...]:
        """The magnitudes g and the direction v."""
        _require_dim(self.name, self.dim, kernel)
        sizes = enumerate(kernel.shape)
        shape = () if self.dim is None else tuple(size if axis == self.dim else 1 for axis, size in sizes)
        length, direction = _keys(self.parametrize, ("original0", "original1"), ("_g", "_v"))
        return Weight(length, shape, Init("ones")), Weight(direction, kernel.shape, kernel.init)

    def __str__(self) -> str:
        return _written(self)


@record()
class SpectralNorm:
    """The weight divided by its largest singular value σ, as a matrix with the rows `dim`.

    σ = uᵀ·W·v, and each forward in training improves u and v by power iterations. Miyato et al. 2018, Spectral
    Normalization for Generative Adversarial Networks. `dim` is 0 where null, and 1 in transposed convolutions;
    `parametrize: false` has the keys of torch.nn.utils.spectral_norm.
    """

    name: ClassVar[str] = "spectral_norm"
    n_power_iterations: int = 1
    eps: float = 1e-12
    dim: int | None = None
    parametrize: bool = True
    __get_pydantic_core_schema__: ClassVar[Any] = classmethod(taken_by_class)

    def parts(self, kernel: Weight) -> tuple[Weight, ...]:
        """The matrix, and its left and right singular vectors."""
        _require_dim(self.name, self.dim, kernel)
        rows = kernel.shape[self.dim or 0]
        names = _keys(self.parametrize, ("original", "0._u", "0._v"), ("_orig", "_u", "_v"))
        start = Init("normal", 1.0)
        left = Weight(names[1], (rows,), start, trainable=False)
        right = Weight(names[2], (kernel.elements // rows if rows else 0,), start, trainable=False)
        return Weight(names[0], kernel.shape, kernel.init), left, right

    def __str__(self) -> str:
        return _written(self)


Parametrization: TypeAlias = WeightNorm | SpectralNorm


def _keys(parametrize: bool, new: tuple[str, ...], old: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the parts as torch.nn.utils.parametrize has them, or as it was before."""
    before = f"parametrizations.{KERNEL}." if parametrize else KERNEL
    return tuple(f"{before}{name}" for name in (new if parametrize else old))


def _require_dim(name: str, dim: int | None, kernel: Weight) -> None:
    if dim is not None and dim >= len(kernel.shape):
        raise ShapeError(
            f"{name}: the weight has no dimension {dim}",
            expected=f"0 to {len(kernel.shape) - 1}",
            received=f"a weight {list(kernel.shape)}",
            subject=name,
        )


def _written(made: Parametrization) -> str:
    """As a spec states it: true, or what differs from the defaults."""
    found = {item.name: getattr(made, item.name) for item in fields(made) if getattr(made, item.name) != item.default}
    words = {True: "true", False: "false", None: "null"}
    said = (f"{key}: {words[value] if value is None or value is False else value}" for key, value in found.items())
    return f"{{{', '.join(said)}}}" if found else "true"


def _read(kind: type[Parametrization]) -> Callable[[Any], Any]:
    """Makes what a spec states into the parametrization: true, a mapping, or none of it by false and null."""

    def convert(value: Any) -> Any:
        if value is True:
            return kind()
        if not isinstance(value, dict):
            return None if value is False else value
        for key, given in value.items():
            _require_option(kind, key, given)
        return kind(**value)

    return convert


def _require_option(kind: type[Parametrization], key: str, value: Any) -> None:
    known = [item.name for item in fields(kind)]
    if key not in known:
        raise ValueError(f"it has no '{key}', but {', '.join(known)}")
    fits, words = _OPTIONS[key]
    if not fits(value):
        raise ValueError(f"'{key}' must be {words}")


def _whole(value: Any, least: int) -> bool:
    return type(value) is int and value >= least


_OPTIONS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "dim": (lambda value: value is None or _whole(value, 0), "a whole number of at least 0, or null"),
    "n_power_iterations": (lambda value: _whole(value, 1), "a whole number of at least 1"),
    "eps": (lambda value: type(value) in (int, float) and value > 0, "a number greater than 0"),
    "parametrize": (lambda value: type(value) is bool, "true or false"),
}

WeightNormed = Annotated[
    WeightNorm | None, BeforeValidator(_read(WeightNorm)), Says("true or false, or {dim, parametrize}")
]
SpectralNormed = Annotated[
    SpectralNorm | None,
    BeforeValidator(_read(SpectralNorm)),
    Says("true or false, or {n_power_iterations, eps, dim, parametrize}"),
]


class ParametrizedOperation(Operation):
    """Base of the operations whose `weight` torch's weight norm and spectral norm can stand before.

    They have these attributes behind their own, which are torch's constructor's.
    """

    rows: ClassVar[int] = 0
    """The dimension of the weight that spectral norm takes for the rows of a matrix, where none is given."""

    weight_norm: WeightNormed = None
    spectral_norm: SpectralNormed = None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        found = cls.model_fields  # the dict itself; pydantic below 2.10 has no other name for it
        for name in ("weight_norm", "spectral_norm"):
            found[name] = found.pop(name)

    @model_validator(mode="after")
    def _check_parametrization(self) -> Self:
        if self.weight_norm and self.spectral_norm:
            raise ValueError("weight_norm and spectral_norm stand for one weight: give one of them")
        return self

    @abstractmethod
    def plain_weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        """Its weights without any parametrization, the one of name `weight` first."""

    @property
    def parametrization(self) -> Parametrization | None:
        """What its weight is computed by, with all options; None where it is stored itself."""
        normed = self.spectral_norm
        if normed is not None and normed.dim is None:
            return SpectralNorm(normed.n_power_iterations, normed.eps, self.rows, normed.parametrize)
        return self.weight_norm or normed

    def weights(self, inputs: Inputs) -> tuple[Weight, ...]:
        kernel, *others = self.plain_weights(inputs)
        made = self.parametrization
        return (kernel, *others) if made is None else (*others, *made.parts(kernel))
