"""Attention whose heads are parted before it and merged after it, as attention over tokens with a number of heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archgraph.graph.types import Call, Graph, Item, Node, Value
from archgraph.importing.writing.rewriting.attention_steps import (
    ATTEND,
    ATTENTION,
    MERGES,
    PARTS,
    AttentionBody,
    permuted_axes,
)
from archgraph.ops.contract import TensorType, lookup


def merged_heads(node: Node, body: AttentionBody) -> list[Item] | None:
    """[N, heads, L, C] attention between parted and merged heads: over tokens, with its number of heads."""
    joins = node.op.name in MERGES and node.output.type.rank == 3
    turned = _exchanged(node.inputs["input"], body) if joins else None
    mixed = body.only(turned, ATTENTION) if turned is not None else None
    if mixed is None or mixed.output.type.rank != 4:
        return None
    batch, heads, length, width = body.shape(mixed.output)
    if not isinstance(heads, int) or body.shape(node.output) != (batch, length, heads * width):
        return None
    values = [mixed.inputs[port] for port in ("query", "key", "value")]
    found = _tokens_of(values, heads, body)
    if found is None:
        return None
    tokens, made = found
    op = mixed.op.model_copy(update={"num_heads": heads})
    others = {"mask": mixed.inputs["mask"]} if "mask" in mixed.inputs else {}
    inputs = dict(zip(("query", "key", "value"), tokens, strict=True)) | others
    return [*made, replace(node, name=ATTEND, op=op, inputs=inputs)]


def _tokens_of(values: Sequence[Value], heads: int, body: AttentionBody) -> tuple[list[Value], list[Item]] | None:
    """The tokens that were parted into heads, and the steps that make them."""
    packed = [found for found in (_packed(value, body) for value in values) if found is not None]
    if len(packed) == len(values) and all(one[0] is packed[0][0] for one in packed):
        whole, _, count = packed[0]
        kind = TensorType((*whole.shape[:2], values[0].shape[1] * values[0].shape[3]), whole.dtype)
        parts = tuple(Value(f"chunk.{place}", kind, whole.origin) for place in range(count))
        op = lookup("chunk").model_validate({"chunks": count, "dim": 2})
        chunk = Node("chunk", op, {"input": whole}, parts, origin=whole.origin)
        return [parts[place] for _, place, _ in packed], [chunk]
    made: list[Item] = []
    found = [_tokens(value, heads, body, made) for value in values]
    if all(one is None for one in found):
        return None
    tokens = [one or _flattened(value, body, made) for one, value in zip(found, values, strict=True)]
    kept = [one for one in tokens if one is not None]
    return (kept, made) if len(kept) == len(values) else None


def _tokens(value: Value, heads: int, body: AttentionBody, made: list[Item], places: int = 2) -> Value | None:
    """The tokens [N, L, heads · C] of which a value is made: parted, normed head by head, joined with other tokens.

    What makes them is added to `made`. `places` is the dimension of L in the value: 2 in [N, heads, L, C], or 1.
    """
    before = len(made)
    turned = _exchanged(value, body) if places == 2 else None
    found = _tokens(turned, heads, body, made, 1) if turned is not None else None
    found = found or (_parted(value, body) if places == 1 else None)
    found = found or _normed(value, heads, body, made, places) or _joined(value, heads, body, made, places)
    if found is None:
        del made[before:]
    return found


def _parted(value: Value, body: AttentionBody) -> Value | None:
    """The tokens of [N, L, heads, C]."""
    parted = body.maker(value, *PARTS)
    source = parted.inputs["input"] if parted is not None else None
    whole = source is not None and source.type.rank == 3 and body.shape(source)[:2] == body.shape(value)[:2]
    return source if whole else None


def _normed(value: Value, heads: int, body: AttentionBody, made: list[Item], places: int) -> Value | None:
    norm = body.only(value, "rms_norm", "layer_norm")
    if norm is None or not _is_of_each_head(norm):
        return None
    inner = _tokens(norm.inputs["input"], heads, body, made, places)
    if inner is None:
        return None
    made.append(_head_norm(norm, inner, heads))
    return made[-1].outputs[0]


def _joined(value: Value, heads: int, body: AttentionBody, made: list[Item], places: int) -> Value | None:
    joined = body.only(value, "concat")
    if joined is None or joined.op.dim % value.type.rank != places:  # type: ignore[attr-defined]
        return None
    parts = [_tokens(part, heads, body, made, places) for part in joined.inputs.values()]
    if any(part is None for part in parts):
        return None
    read = {port: part for port, part in zip(joined.inputs, parts, strict=True) if part is not None}
    kind = TensorType((value.shape[0], value.shape[places], heads * value.shape[-1]), value.dtype)
    whole = Value(joined.name, kind, value.origin)
    made.append(replace(joined, op=joined.op.model_copy(update={"dim": 1}), inputs=read, outputs=(whole,)))
    return whole


def _flattened(value: Value, body: AttentionBody, made: list[Item]) -> Value | None:
    """The tokens of heads that come from something else, as a rotation of each: put in a row, not in another order."""
    turned = _exchanged(value, body)
    if turned is None or body.only(value, "transpose", "permute") is None:
        return None
    batch, length, heads, width = turned.shape
    whole = Value("flatten", TensorType((batch, length, heads * width), value.dtype), value.origin)
    op = lookup("flatten").model_validate({"start_dim": 2})
    made.append(Node("flatten", op, {"input": turned}, (whole,), origin=value.origin))
    return whole


def _is_of_each_head(norm: Node) -> bool:
    """Whether a norm is one of the channels of each head."""
    width = norm.output.shape[-1:]
    return bool(norm.weights) and not norm.hidden and all(one.shape == width for one in norm.weights)


def _head_norm(norm: Node, tokens: Value, heads: int) -> Call:
    """The norm of each head as a call of its module, from tokens to tokens."""
    (batch, length, _), width = tokens.shape, norm.output.shape[-1]
    inside = Value("x", tokens.type, tokens.origin)
    apart, normed = (
        Value(name, TensorType((batch, length, heads, width), tokens.dtype), norm.origin) for name in ("split", "norm")
    )
    result = Value("joined", tokens.type, norm.origin)
    part = lookup("unflatten").model_validate({"dim": 2, "sizes": (heads, width)})
    join = lookup("flatten").model_validate({"start_dim": 2})
    steps = (
        Node("split", part, {"input": inside}, (apart,), origin=norm.origin),
        replace(norm, name="norm", inputs={"input": apart}, outputs=(normed,), hidden=True),
        Node("joined", join, {"input": normed}, (result,), origin=norm.origin),
    )
    body = Graph("head_norm", (inside,), steps, {"": result})
    outside = Value(norm.name, tokens.type, norm.origin)
    kind = "HeadNorm" if norm.op.name == "rms_norm" else "HeadLayerNorm"
    return Call(norm.name, "block", body, (tokens,), (outside,), block=kind, arguments={"heads": heads})


def _packed(value: Value, body: AttentionBody) -> tuple[Value, int, int] | None:
    """The tokens [N, L, parts · heads · C] of which heads are one part: the tokens, its number, and how many parts."""
    step = body.maker(value, "select", "unbind")
    if step is None or step.op.dim % 5:  # type: ignore[attr-defined]
        return None
    turned = body.maker(step.inputs["input"], "permute")
    parted = body.maker(turned.inputs["input"], "reshape", "unflatten") if turned is not None else None
    if turned is None or parted is None or permuted_axes(turned) != [2, 0, 3, 1, 4]:
        return None
    whole = parted.inputs["input"]
    if whole.type.rank != 3 or body.shape(whole)[:2] != body.shape(parted.output)[:2]:
        return None
    count = turned.output.shape[0]
    place = step.op.index if step.op.name == "select" else step.outputs.index(value)  # type: ignore[attr-defined]
    return (whole, place % count, count) if isinstance(count, int) and isinstance(place, int) else None


def _exchanged(value: Value, body: AttentionBody) -> Value | None:
    """What was [N, L, heads, C] before tokens and heads were exchanged."""
    made = body.maker(value, "transpose", "permute") if value.type.rank == 4 else None
    return made.inputs["input"] if made is not None and permuted_axes(made) == [0, 2, 1, 3] else None
