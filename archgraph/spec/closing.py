"""The end of a body: who was not read, what stays on a stack, and the call that it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archgraph.errors import Problem
from archgraph.graph.builder import CallSpec
from archgraph.graph.types import Call, Node, Value
from archgraph.spec.bindings import Binding, Located
from archgraph.spec.frame import Frame, Stack, ambiguous, unread


def check_body(frame: Frame) -> list[Problem]:
    """All problems that only show at the end of a body: rule 11, values nobody reads, stacks that are not empty."""
    problems = ambiguous(frame)
    if frame.failed:
        return problems
    problems += [problem for _, problem in unread(frame)]
    for stack in frame.stacks.values():
        problems += _left_over(stack)
    return problems


def _left_over(stack: Stack) -> list[Problem]:
    if not stack.entries:
        return []
    reader = stack.entries[-1][1]
    pushed = ", ".join(f"'{entry.address}'" for _, entry in stack.entries)
    count = len(stack.entries)
    return [
        Problem(
            f"the stack '{stack.name}' still holds {count} value{'s' if count > 1 else ''} at the end",
            reader.mark,
            reader.address,
            expected=f"every push to be taken by a {stack.name}.pop",
            received=f"left over from {pushed}",
        )
    ]


def finish_group(
    inner: Frame,
    frame: Frame,
    name: str,
    outputs: Mapping[str, Located],
    how: CallSpec,
    order: Sequence[str] = (),
) -> Binding:
    """Closes a group or repetition and places it as a call. What it pushed moves to the frame around it."""
    if inner.builder.empty:  # everything in it is left out: it hands on what it was given
        return Binding(name, dict(outputs), kind="alias")
    values = {port: inner.bring(located) for port, located in outputs.items()}
    held = _held(inner, frame)
    for stack, at in held:
        if at.value not in values.values():
            values[f"{stack}.{len(values)}"] = at.value
    body = inner.builder.finish(values, order=order, first=_main_input(inner))
    captured = {ours: theirs for theirs, ours in inner.captured().items()}
    call = frame.builder.call(name, body, [captured[value] for value in body.inputs], as_=_twinned(how, frame))
    ports = list(values)
    for _, at in held:
        at.value = call.outputs[list(values.values()).index(at.value)]
        at.frame = frame
    located = {port: Located(frame, call.outputs[ports.index(port)]) for port in outputs}
    return Binding(name, located, owns_weights=_owns(call), item=call)


def _twinned(how: CallSpec, frame: Frame) -> CallSpec:
    twin = frame.twin_of(Call)
    return replace(how, shares=twin) if isinstance(twin, Call) else how


def _held(inner: Frame, frame: Frame) -> list[tuple[str, Located]]:
    """The values of this body that are on a stack of a frame around it."""
    found: list[tuple[str, Located]] = []
    around: Frame | None = frame
    while around is not None:
        for stack in around.stacks.values():
            for binding, _ in stack.entries:
                found += [(stack.name, at) for at in binding.outputs.values() if at.frame is inner]
        around = around.parent
    return found


def _main_input(inner: Frame) -> Value | None:
    """The body's input that stands for what is before it, if something inside reads it."""
    captured = inner.captured()
    main = inner.main
    if main is None or main.state != "present" or inner.parent is None:
        return None
    for theirs, ours in captured.items():
        if theirs is inner.parent.peek_value(main.main):
            return ours
    return None


def _owns(item: Node | Call) -> bool:
    if isinstance(item, Node):
        return bool(item.weights or item.ties)
    return any(_owns(below) for below in item.body.items)
