"""What a network is for, by the `task` of its `meta`, and whether its shapes fit that.

Families of operations are imported where one of them is asked for: a network pays for those that it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from archgraph.dims import Dim
from archgraph.errors import Problem
from archgraph.graph.types import Call, Graph, Node, Value
from archgraph.meta import diffusion
from archgraph.records import record

Role = Literal["image", "time", "label"]


@record()
class Misfit:
    """What does not fit the task. It stands at a key of `meta`, or without one where its problem says.

    `trainable`: it can be trained nevertheless.
    """

    problem: Problem
    at: tuple[str, ...] = ()
    trainable: bool = False


def task_misfits(graph: Graph) -> Iterator[Misfit]:
    """What of the network does not fit the task that its `meta` names, as far as that is known without any data."""
    task = graph.info.meta.get("task")
    if task == "classification":
        yield from _classifier_misfits(graph)
    elif task == "segmentation":
        yield from _segmentation_misfits(graph)
    elif task == "diffusion":
        yield from _diffusion_misfits(graph)


# --- classification ---------------------------------------------------------------------------------------------------


def _classifier_misfits(graph: Graph) -> Iterator[Misfit]:
    if len(graph.outputs) != 1:  # auxiliary heads have shapes of their own
        return
    ((name, logits),) = graph.outputs.items()
    if len(logits.shape) != 2:
        problem = Problem(
            f"the output '{name}' gives no scores of classes, which `meta.task: classification` asks for",
            logits.origin.mark,
            logits.origin.address,
            expected="[N, classes]",
            received=str(logits.type),
            hint=_flattening(graph, logits),
        )
        yield Misfit(problem)
        return
    yield from _probability_misfits(graph, name, logits)
    yield from _label_misfits(graph, logits.shape[1], f"the output '{name}' has {logits.shape[1]} classes")


def _probability_misfits(graph: Graph, name: str, logits: Value) -> Iterator[Misfit]:
    """Cross-entropy takes logits, and `infer` makes probabilities of them itself."""
    last = maker_of(graph, logits)
    if last is not None and last.op.traits.gives_probabilities:
        problem = Problem(
            f"the output '{name}' is that of a {last.op.name}, and logits are asked for",
            logits.origin.mark,
            logits.origin.address,
            hint=f"leave '{last.name}' out: training and `infer` apply a softmax themselves",
            severity="warning",
        )
        yield Misfit(problem, trainable=True)


def maker_of(graph: Graph, value: Value) -> Node | None:
    """The operation of the network's own body that makes a value."""
    return next((item for item in graph.items if isinstance(item, Node) and value in item.outputs), None)


def _label_misfits(graph: Graph, classes: Dim | None, said: str) -> Iterator[Misfit]:
    labels = graph.info.meta.get("labels")
    if isinstance(labels, list) and isinstance(classes, int) and len(labels) != classes:
        message = f"`meta.labels` has {len(labels)} names, and {said}"
        yield Misfit(
            Problem(message, expected=f"{classes} names", received=f"{len(labels)} names", severity="warning"),
            ("meta", "labels"),
            trainable=True,
        )


def _flattening(graph: Graph, logits: Value) -> str:
    """How the output becomes [N, classes]: flattened before its linear layer, or pooled where its extent is free."""
    from archgraph.ops.linear import Linear

    last = maker_of(graph, logits)
    linear = last is not None and isinstance(last.op, Linear)
    given = next(iter(last.inputs.values())).shape if last is not None and linear else logits.shape
    if len(given) < 3:
        return ""
    where = f"before '{last.name}'" if last is not None and linear else f"after '{logits.name}'"
    if all(isinstance(size, int) for size in given[1:]):
        return f"put a `flatten` node {where}"
    if len(given) == 4 and isinstance(given[1], int):
        return f"put {{op: adaptive_avg_pool2d, output_size: 1}} and `flatten` {where}"
    return ""


# --- segmentation -----------------------------------------------------------------------------------------------------


def _segmentation_misfits(graph: Graph) -> Iterator[Misfit]:
    """The first output has a score of each class for each pixel; further ones are heads of training."""
    name, scores = next(iter(graph.outputs.items()))
    if len(scores.shape) != 4:
        problem = Problem(
            f"the output '{name}' gives no scores for each pixel, which `meta.task: segmentation` asks for",
            scores.origin.mark,
            scores.origin.address,
            expected="[N, classes, H, W]",
            received=str(scores.type),
        )
        yield Misfit(problem)
        return
    yield from _probability_misfits(graph, name, scores)
    yield from _label_misfits(graph, scores.shape[1], f"the output '{name}' has {scores.shape[1]} classes")


# --- diffusion --------------------------------------------------------------------------------------------------------


def roles(graph: Graph) -> tuple[Role, ...] | None:
    """What each input of a diffusion network is, told by their shapes and names; None for another network."""
    images = [value for value in graph.inputs if len(value.shape) == 4]
    others = [value for value in graph.inputs if len(value.shape) < 2]
    labels = labels_among(others)
    if len(images) != 1 or len(others) - len(labels) != 1 or len(labels) > 1 or len(graph.inputs) != 1 + len(others):
        return None
    return tuple("image" if v in images else "label" if v in labels else "time" for v in graph.inputs)


def labels_among(inputs: list[Value]) -> list[Value]:
    """The inputs, of those beside the image, that take a class."""
    names = diffusion.labels_among([value.name for value in inputs])
    return [value for value in inputs if value.name in names]


def _diffusion_misfits(graph: Graph) -> Iterator[Misfit]:
    known = roles(graph)
    if known is None or len(graph.outputs) != 1:
        return
    told = graph.info.meta.get("diffusion")
    told = told if isinstance(told, Mapping) else {}
    yield from _answer_misfits(graph, graph.inputs[known.index("image")], told.get("variance") == "learned")
    if "label" in known:
        yield from _table_misfits(graph, graph.inputs[known.index("label")], told)
        classes = told.get("classes")
        yield from _label_misfits(graph, classes, f"`meta.diffusion.classes` is {classes}")


def _answer_misfits(graph: Graph, image: Value, learned: bool) -> Iterator[Misfit]:
    """A diffusion network answers with an image like the one it is given, or twice its channels."""
    ((name, answer),) = graph.outputs.items()
    channels = image.shape[1]
    wanted = 2 * channels if learned and isinstance(channels, int) else channels
    received = answer.shape[1] if len(answer.shape) == 4 else None
    if len(answer.shape) == 4 and (received == wanted or not isinstance(received, int) or not isinstance(wanted, int)):
        return
    also = ", twice its channels since its variance is learned" if learned else ""
    problem = Problem(
        f"the output '{name}' is no picture like the input '{image.name}', which `meta.task: diffusion` asks for",
        answer.origin.mark,
        answer.origin.address,
        expected=f"[N, {wanted}, H, W]{also}",
        received=str(answer.type),
        hint=_about_variance(learned, channels, received),
    )
    yield Misfit(problem)


def _about_variance(learned: bool, channels: Dim, received: Dim | None) -> str:
    if learned and received == channels:
        return "without `variance: learned` in meta.diffusion it has as many channels as the picture"
    doubled = isinstance(channels, int) and received == 2 * channels
    return "`variance: learned` in meta.diffusion says that it has twice as many channels" if doubled else ""


def _table_misfits(graph: Graph, label: Value, told: Mapping[str, Any]) -> Iterator[Misfit]:
    """Classes and the label of none are rows of every table that is looked up by the label."""
    tables = list(tables_read_by(graph, label))
    if not tables:
        return
    node = min(tables, key=rows_of)
    for key, least in (("classes", 0), ("null_label", 1)):
        value = told.get(key)
        if isinstance(value, int) and value + least > rows_of(node):
            problem = Problem(
                f"`meta.diffusion.{key}` asks for a label that '{node.origin.address or node.name}' has no row for",
                expected=f"at most {rows_of(node) - least}, since its num_embeddings is {rows_of(node)}",
                received=str(value),
                notes=(("the table stands here", node.origin.mark),) if node.origin.mark else (),
                severity="warning",
            )
            yield Misfit(problem, ("meta", "diffusion", key))


def rows_of(table: Node) -> int:
    """How many numbers a table has an embedding for."""
    from archgraph.ops.embedding import Embedding

    assert isinstance(table.op, Embedding)
    return table.op.num_embeddings


def tables_read_by(graph: Graph, value: Value) -> Iterator[Node]:
    """The embeddings at any depth that are looked up by the value as it is."""
    from archgraph.ops.embedding import Embedding

    for item in graph.items:
        if item.training:
            continue
        if isinstance(item, Call):
            for ours, theirs in zip(item.body.inputs, item.inputs, strict=True):
                if theirs is value and item.scan is None:
                    yield from tables_read_by(item.body, ours)
        elif value in item.inputs.values():
            if isinstance(item.op, Embedding):
                yield item
            elif item.op.traits.moves_data and len(item.outputs) == 1:
                yield from tables_read_by(graph, item.output)
