"""Whether a network takes the pictures, the batches and the classes that it is to be trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from archgraph.dims import symbols_of
from archgraph.errors import ArchgraphError, InputError, TrainingError
from archgraph.graph.input_sizes import InputSizes
from archgraph.graph.task import task_misfits
from archgraph.graph.types import Graph, Value
from archgraph.language.load import load
from archgraph.training.images import ImageData
from archgraph.training.run_folder import resolved

LARGEST_SIDE = 4096
Classes = Callable[[Graph], int | None]


# --- the task ---------------------------------------------------------------------------------------------------------


def require_fit(graph: Graph) -> None:
    """Raises TrainingError where the network does not fit its task; its labels are those of the pictures."""
    placed = {problem.message: problem for problem in graph.warnings}
    found = [misfit.problem for misfit in task_misfits(graph) if not misfit.trainable]
    if found:
        raise TrainingError(*(replace(placed.get(p.message, p), severity="error") for p in found))


def require_kind(graph: Graph, value: Value, kinds: tuple[str, ...], what: str) -> None:
    """Raises TrainingError for an input of another element type than what is fed."""
    if value.dtype not in kinds:
        raise TrainingError(
            f"the input '{value.name}' of {graph.title} does not take {what}",
            expected=f"dtype: {' or '.join(kinds)}",
            received=f"dtype: {value.dtype}",
        )


# --- sizes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Extent:
    """Height and width of the pictures, and the key or shape that sets them."""

    height: int
    width: int
    source: str

    def __str__(self) -> str:
        return f"{self.height}×{self.width}"


def require_size(graph: Graph, image: Value, extent: Extent) -> Mapping[str, int]:
    """The numbers that the symbols of the input's shape get. Raises TrainingError for sizes that it does not take."""
    wrong = list(_refusals(graph, image, extent.height, extent.width))
    if wrong:
        sides = (extent.height, extent.width)
        raise TrainingError(
            f"{graph.title} does not take pictures of {extent}",
            expected=", ".join(dict.fromkeys(wrong)),
            received=f"{extent}, from {extent.source}",
            hint=_size_hint(graph, image, max(sides)),
        )
    return _symbols(image, extent.height, extent.width)


def _symbols(image: Value, height: int, width: int) -> dict[str, int]:
    pairs = zip(image.shape[2:], (height, width), strict=True)
    return {str(size): side for size, side in pairs if not isinstance(size, int) and symbols_of(size) == {str(size)}}


def _refusals(graph: Graph, image: Value, height: int, width: int) -> Iterator[str]:
    """What the network expects instead."""
    found = _symbols(image, height, width)
    for name, size, side in zip(("height", "width"), image.shape[2:], (height, width), strict=True):
        if isinstance(size, int) and size != side:
            yield f"a {name} of {size}, as the shape of '{image.name}' says"
        elif str(size) in found and found[str(size)] != side:
            yield f"a height that is the width, as the shape of '{image.name}' says"
    for rule in graph.constraints:
        if rule.symbol in found and not rule.allows(found[rule.symbol]):
            yield rule.text


def _size_hint(graph: Graph, image: Value, side: int) -> str:
    """The nearest square that is taken."""
    nearest = sorted(range(1, LARGEST_SIDE + 1), key=lambda other: (abs(other - side), -other))
    fits = next((other for other in nearest if not any(_refusals(graph, image, other, other))), None)
    return f"--set train.size={fits}" if fits is not None else ""


def require_batches(graph: Graph, image: Value, counts: Mapping[str, int]) -> None:
    """Raises TrainingError for a network that does not take batches of these counts."""
    size = image.shape[0]
    if isinstance(size, int):
        raise TrainingError(
            f"{graph.title} takes batches of {size} only, and training has batches of several counts",
            expected=f"a free first size: {image.name}: [N, …]",
            received=str(image.type),
        )
    for rule in graph.constraints:
        for what, count in counts.items():
            if rule.symbol == str(size) and count and not rule.allows(count):
                raise TrainingError(
                    f"{graph.title} does not take {what}", expected=rule.text, received=f"{rule.symbol} = {count}"
                )


def answers_alike(image: Value, answer: Value, symbols: Mapping[str, int]) -> bool:
    """Whether the answer has the height and width of the picture at these sizes."""
    at = InputSizes(symbols)
    return len(answer.shape) == 4 and at.shape(answer.shape[2:]) == at.shape(image.shape[2:])


# --- classes ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Labelling:
    """The number of classes of a network, how it is read from a graph, their names in the spec, and the null label."""

    count: int
    of: Classes
    names: tuple[str, ...] = ()
    null: int | None = None

    def fitted(self, graph: Graph, pictures: ImageData, source: str) -> ImageData:
        """The pictures with a name for each class of the network, numbered as the spec names them.

        Raises InputError where they lack labels, or are of other classes than the network.
        """
        if not pictures.names:
            raise InputError(
                f"the pictures of {source} have no labels",
                expected="a folder with one folder per class, an .npz file with labels, or digits",
            )
        if len(pictures.names) > self.count or (len(pictures.names) < self.count and not pictures.numbered):
            raise self._misfit(graph, pictures, source)
        found = self._renamed(pictures)
        if self.null is not None and self.null in found.labels:
            raise InputError(
                f"the label {self.null} stands for none, and is the class '{found.names[self.null]}' of {source}",
                expected=f"meta: {{diffusion: {{null_label: {self.count}}}}}, with a row for it in the embedding",
                received=f"null_label: {self.null}",
            )
        return found

    def _renamed(self, pictures: ImageData) -> ImageData:
        named = self.names if len(self.names) == self.count else ()
        if pictures.numbered:
            return replace(pictures, names=named or tuple(map(str, range(self.count))))
        if set(named) != set(pictures.names):
            return pictures
        places = np.array([named.index(name) for name in pictures.names], np.int64)
        return replace(pictures, labels=places[pictures.labels], names=named)

    def _misfit(self, graph: Graph, pictures: ImageData, source: str) -> InputError:
        wanted = len(pictures.names)
        more = ", …" if wanted > 8 else ""
        setting, least = setting_for(graph, self.of, wanted), int(pictures.labels.min())
        if pictures.numbered and least and wanted - least <= self.count:
            hint = f"labels count from 0, and these from {least}: subtract {least}"
        elif setting:
            hint = f"--set {setting} makes it fit"
        else:
            hint = f"no parameter of the spec sets how many there are: write {wanted} where it says {self.count}"
        return InputError(
            f"{source} has another number of classes than {graph.title}",
            expected=f"{self.count} classes" + (" or fewer" if pictures.numbered else ""),
            received=f"{wanted}: {', '.join(pictures.names[:8])}{more}",
            hint=hint,
        )


def setting_for(graph: Graph, classes: Classes, wanted: int) -> str:
    """The setting of one parameter with which the network has that many classes, `classes=3`; '' where none has."""
    now, spec = classes(graph), {**resolved(graph), "meta": graph.info.spec.get("meta") or {}}
    for name in _parameters_equal_to(graph, now):
        try:
            other = load(spec, None, standalone=True, **dict[str, Any]({name: wanted}))
        except ArchgraphError:
            continue
        if classes(other) == wanted and all(misfit.trainable for misfit in task_misfits(other)):
            return f"{name}={wanted}"
    return ""


def _parameters_equal_to(graph: Graph, value: int | None) -> Iterable[str]:
    """The parameters of that value: those that can be the number of classes."""
    return [name for name, given in graph.info.params.items() if type(given) is int and given == value]
