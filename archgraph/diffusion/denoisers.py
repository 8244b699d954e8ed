"""What predicts the noise: a diffusion file seen as a function of x, t and a label, or a function as it is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archgraph.artifact.arrays import Floats
from archgraph.artifact.sizes import shape_text
from archgraph.artifact.tensor_specs import TensorSpec
from archgraph.errors import Problem, SamplingError, nearest
from archgraph.meta.diffusion import DIFFUSION, labels_among
from archgraph.runtime.classify import labels_of
from archgraph.runtime.session import Session

Int64 = NDArray[np.int64]
Denoiser = Callable[..., NDArray[Any]]
Source = str | os.PathLike[str] | Session | Denoiser

EXAMPLE = "meta: {diffusion: {schedule: {kind: linear}, prediction: epsilon, clip: true, size: 32}}"


@dataclass(frozen=True, slots=True)
class OpenedDenoiser:
    """A denoiser as a function of x, t and labels or None; what its file says of the diffusion (None: nothing).

    `fixed` are the sizes of x that are no symbols; `labelled` is whether it takes labels, None where nobody knows.
    `names` are those of its classes. `expect` is told all times, and all labels, that will be asked for, so that what
    depends on them is computed once.
    """

    call: Callable[[Floats, NDArray[Any], Int64 | None], NDArray[Any]]
    diffusion: Mapping[str, Any] | None = field(default_factory=dict)
    fixed: tuple[int | None, ...] = (None, None, None, None)
    labelled: bool | None = None
    names: tuple[str, ...] = ()
    expect: Callable[[NDArray[Any], Int64 | None], None] = field(default=lambda times, labels: None)

    @property
    def said(self) -> Mapping[str, Any]:
        """What its file says, {} where it says nothing."""
        return self.diffusion or {}


@contextlib.contextmanager
def opened(source: Source) -> Iterator[OpenedDenoiser]:
    """The denoiser of a path, a session or a function; a session opened here is closed again. Raises SamplingError."""
    if isinstance(source, Session):
        yield _of_session(source)
    elif isinstance(source, (str, os.PathLike)):
        with Session(source) as session:
            yield _of_session(session)
    elif callable(source):
        yield _of_function(source)
    else:
        received = type(source).__name__
        raise SamplingError(
            "this is no denoiser", expected="a file, a Session or a function of x and t", received=received
        )


def _of_function(source: Denoiser) -> OpenedDenoiser:
    def call(x: Floats, t: NDArray[Any], labels: Int64 | None) -> NDArray[Any]:
        return source(x, t) if labels is None else source(x, t, labels)

    return OpenedDenoiser(call)


@dataclass(frozen=True, slots=True)
class Ports:
    """Which input is what, and the output that is the prediction."""

    image: TensorSpec
    time: TensorSpec
    label: TensorSpec | None
    output: TensorSpec

    def feeds(self, x: NDArray[Any], t: NDArray[Any], labels: Int64 | None) -> dict[str, NDArray[Any]]:
        """The inputs by name, times and labels in the types of their ports."""
        found = {self.image.name: x, self.time.name: _as_wanted(t, self.time)}
        if self.label is not None and labels is not None:
            found[self.label.name] = _as_wanted(labels, self.label)
        return found


def _of_session(session: Session) -> OpenedDenoiser:
    found = ports(session)
    time, label = found.time, found.label

    def call(x: Floats, t: NDArray[Any], labels: Int64 | None) -> NDArray[Any]:
        return session.run(found.feeds(x, t, labels))[found.output.name]

    def expect(times: NDArray[Any], labels: Int64 | None) -> None:
        known = {time.name: _of_kind(times, time)}
        if label is not None and labels is not None:
            known[label.name] = _of_kind(labels, label)
        session.expect(known)

    fixed = tuple(size if isinstance(size, int) else None for size in found.image.shape)
    names = labels_of(session.meta) or ()
    return OpenedDenoiser(call, diffusion_of(session.meta), fixed, label is not None, names, expect)


def _as_wanted(values: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    """Times or labels in the port's type: for a network that counts them, times are rounded to whole ones."""
    return _of_kind(values if spec.shape else values[0], spec)


def _of_kind(values: Any, spec: TensorSpec) -> NDArray[Any]:
    kind = np.dtype(spec.dtype)
    counted = np.rint(values) if kind.kind in "iu" else np.asarray(values)
    return np.asarray(counted.astype(kind))


def ports(session: Session) -> Ports:
    """The image, the time, the label and the prediction, told by their shapes, and time and label by their names.

    Raises SamplingError for a network that has others.
    """
    images = [spec for spec in session.inputs if len(spec.shape) == 4]
    others = [spec for spec in session.inputs if len(spec.shape) < 2]
    names = labels_among([spec.name for spec in others])
    labels = [spec for spec in others if spec.name in names]
    times = [spec for spec in others if spec.name not in names]
    outputs = [spec for spec in session.outputs if len(spec.shape) == 4]
    known = len(images) + len(others) == len(session.inputs)
    if session.metadata.time_branch_of:
        raise SamplingError(
            f"{session.path} is the time branch of {session.metadata.time_branch_of}",
            hint=f"name the main file: {session.metadata.time_branch_of}",
        )
    if not (len(images) == len(times) == len(outputs) == 1 and len(labels) < 2 and known):
        raise SamplingError(
            f"{session.path} is no diffusion network",
            expected="an image [N, C, H, W], a time [N] and perhaps a label [N] in, an image out",
            received=f"{_listed(session.inputs)} in, {_listed(session.outputs)} out",
            hint="a network with further inputs can be sampled through a function of x and t"
            if times
            else "a network without a time is run by `infer`",
        )
    _check_channels(session, images[0], outputs[0])
    return Ports(images[0], times[0], labels[0] if labels else None, outputs[0])


def _check_channels(session: Session, image: TensorSpec, output: TensorSpec) -> None:
    """A network answers with as many channels as it is given, or twice as many where it learns its variance."""
    given, answered = image.shape[1], output.shape[1]
    twice = isinstance(given, int) and answered == 2 * given
    if answered != given and not twice:
        raise SamplingError(
            f"{session.path} does not predict an image like the one it is given",
            expected=f"{shape_text(image.shape)}, or twice its channels where the variance is learned",
            received=shape_text(output.shape),
        )


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
        Problem(f"`diffusion` has no '{key}'", expected=", ".join(DIFFUSION), hint=nearest(str(key), DIFFUSION))
        for key in given
        if key not in DIFFUSION
    ]
    if unknown:
        raise SamplingError(*unknown)
    return given
