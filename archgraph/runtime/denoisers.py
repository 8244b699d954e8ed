"""What predicts the noise: a diffusion file seen as a function of x and t, or a function as it is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archgraph.errors import Problem, SamplingError, nearest

from .metadata import TensorSpec
from .session import Session
from .sizes import shape_text

Floats = NDArray[np.float32]
Denoiser = Callable[[Floats, NDArray[np.int64]], NDArray[Any]]
Source = str | os.PathLike[str] | Session | Denoiser

DIFFUSION_KEYS = ("schedule", "prediction", "clip", "size", "channels")
EXAMPLE = "meta: {diffusion: {schedule: {kind: linear}, prediction: epsilon, clip: true, size: 32}}"


@dataclass(frozen=True, slots=True)
class Opened:
    """A denoiser as a function, what its file says of the diffusion (None: nothing), and the sizes it fixes."""

    call: Denoiser
    diffusion: Mapping[str, Any] | None = field(default_factory=dict)
    fixed: tuple[int | None, ...] = (None, None, None, None)


@contextlib.contextmanager
def opened(source: Source) -> Iterator[Opened]:
    """The denoiser of a path, a session or a function; a session opened here is closed again. Raises SamplingError."""
    if isinstance(source, Session):
        yield _of_session(source)
    elif isinstance(source, (str, os.PathLike)):
        with Session(source) as session:
            yield _of_session(session)
    elif callable(source):
        yield Opened(source)
    else:
        received = type(source).__name__
        raise SamplingError(
            "this is no denoiser", expected="a file, a Session or a function of x and t", received=received
        )


def _of_session(session: Session) -> Opened:
    image, time, output = _ports(session)
    kind = np.dtype(time.dtype)

    def call(x: Floats, t: NDArray[np.int64]) -> NDArray[Any]:
        times = t.astype(kind) if time.shape else t[0].astype(kind)
        return session.run({image.name: x, time.name: times}, copy=False)[output.name]

    fixed = tuple(size if isinstance(size, int) else None for size in image.shape)
    return Opened(call, diffusion_of(session.meta), fixed)


def _ports(session: Session) -> tuple[TensorSpec, TensorSpec, TensorSpec]:
    """The image, the time and the prediction of it, told by their shapes."""
    images = [spec for spec in session.inputs if len(spec.shape) == 4]
    times = [spec for spec in session.inputs if len(spec.shape) < 2]
    outputs = [spec for spec in session.outputs if len(spec.shape) == 4]
    if not (len(images) == len(times) == len(outputs) == 1 and len(session.inputs) == 2):
        raise SamplingError(
            f"{session.path} is no diffusion network",
            expected="an image [N, C, H, W] and a time [N] in, an image out",
            received=f"{_listed(session.inputs)} in, {_listed(session.outputs)} out",
            hint="a network with further inputs can be sampled through a function of x and t",
        )
    image, output = images[0], outputs[0]
    if image.shape[1] != output.shape[1]:
        raise SamplingError(
            f"{session.path} does not predict an image like the one it is given",
            expected=shape_text(image.shape),
            received=shape_text(output.shape),
            hint="networks that predict a variance too are not supported",
        )
    return image, times[0], output


def _listed(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(map(str, specs)) or "nothing"


def diffusion_of(meta: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The spec's `meta.diffusion`, None where there is none. Raises SamplingError for keys that it does not have."""
    given = meta.get("diffusion")
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise SamplingError("`diffusion` is not a mapping", expected=EXAMPLE, received=repr(given)[:80])
    unknown = [
        Problem(
            f"`diffusion` has no '{key}'", expected=", ".join(DIFFUSION_KEYS), hint=nearest(str(key), DIFFUSION_KEYS)
        )
        for key in given
        if key not in DIFFUSION_KEYS
    ]
    if unknown:
        raise SamplingError(*unknown)
    return given
