"""A torch module as a flat program: torch.export in evaluation, with every size free that torch can keep free."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram

from archgraph.importing.forward_arguments import ForwardArguments, noted_arguments
from archgraph.importing.free_sizes import FreeDimensions, free_sizes
from archgraph.importing.input_descriptions import Sizes
from archgraph.importing.mutations import require_kept_weights
from archgraph.importing.rounded_sizes import rounded_sizes
from archgraph.importing.tied_weights import read_under_one_name
from archgraph.importing.tracing_budget import limited_trace
from archgraph.importing.tracing_errors import UntraceableError, require_no_values, tracing_error
from archgraph.importing.tracing_logs import without_tracing_logs
from archgraph.importing.unchanged_module import unchanged
from archgraph.importing.unsuitable_modules import require_registered
from archgraph.importing.untraced_forms import untraced_forms
from archgraph.importing.wrapped_regions import without_regions


@dataclass(frozen=True, slots=True)
class Capture:
    """A module and its program.

    `inputs` are the placeholders of what the module reads, by name, those that it ignores left out; `weights` those of
    its parameters and buffers, with their keys; `constants` those of tensors that are no part of its state.
    """

    module: torch.nn.Module
    program: ExportedProgram
    inputs: Mapping[str, fx.Node]
    weights: Mapping[fx.Node, str]
    constants: Mapping[fx.Node, torch.Tensor]
    outputs: Mapping[str, fx.Node]
    arguments: ForwardArguments


def capture(
    module: torch.nn.Module,
    inputs: Mapping[str, Any],
    free: FreeDimensions,
    declared: Mapping[str, Sizes] | None = None,
) -> Capture:
    """The program of a module in evaluation mode, traced on example inputs, with these dimensions left free.

    Sizes that are declared as numbers are never free.

    Raises ImportingError for what torch.export cannot trace.
    """
    module.eval()
    shapes = {name: free_sizes(value, free, (declared or {}).get(name, ())) for name, value in inputs.items()}
    with warnings.catch_warnings(), noted_arguments(module) as arguments, untraced_forms(inputs), ExitStack() as stack:
        warnings.simplefilter("ignore")
        stack.enter_context(rounded_sizes())
        stack.enter_context(limited_trace())
        stack.enter_context(without_tracing_logs())
        stack.enter_context(unchanged(module))
        try:
            program = torch.export.export(module, (), dict(inputs), dynamic_shapes=shapes, strict=False)
        except Exception as error:
            raise tracing_error(module, error) from error
    return _arranged(module, program, inputs, arguments)


def _arranged(
    module: torch.nn.Module,
    program: ExportedProgram,
    inputs: Mapping[str, Any],
    arguments: ForwardArguments,
) -> Capture:
    without_regions(program.graph_module)
    require_no_values(module, program.graph)
    outputs = _named_outputs(program)
    if not outputs:
        raise UntraceableError(
            f"{type(module).__name__} returns no tensor",
            expected="a tensor, or several in a tuple, a dict or a dataclass",
        )
    signature = program.graph_signature
    placeholders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    keys = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    kept = {placeholders[name]: key for name, key in keys.items() if key not in signature.non_persistent_buffers}
    lifted = {
        **{name: program.constants[key] for name, key in keys.items() if key in signature.non_persistent_buffers},
        **{name: program.constants[key] for name, key in signature.inputs_to_lifted_tensor_constants.items()},
    }
    require_registered(module, lifted)
    if not module.training:
        require_kept_weights(program.graph, kept)
    read_under_one_name(module, program.graph, kept)
    flat = [placeholders[name] for name in signature.user_inputs if name in placeholders]
    names = [name for name, value in inputs.items() if isinstance(value, torch.Tensor)]
    tensors = [node for node in flat if isinstance(node.meta.get("val"), torch.Tensor)]
    return Capture(
        module=module,
        program=program,
        inputs={name: node for name, node in zip(names, tensors, strict=True) if node.users},
        weights=kept,
        constants={placeholders[name]: value for name, value in lifted.items()},
        outputs=outputs,
        arguments=arguments,
    )


def _named_outputs(program: ExportedProgram) -> dict[str, fx.Node]:
    """The values that the module returns, by the names of its dict or dataclass; one value has none."""
    returned = next(node for node in program.graph.nodes if node.op == "output").args[0]
    whole = torch.utils._pytree.tree_unflatten(list(returned), program.call_spec.out_spec)
    named = dict(_named("", whole))
    if len(named) == 1:
        return {"": next(iter(named.values()))}
    return {(f"output_{name}" if name[:1].isdecimal() else name or "output"): node for name, node in named.items()}


def _named(path: str, value: Any) -> Iterator[tuple[str, fx.Node]]:
    """All tensors below a value, by what leads to them: keys, fields, numbers. What is None or a number is left out."""
    if isinstance(value, fx.Node):
        if isinstance(value.meta.get("val"), torch.Tensor):
            yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _named(f"{path}_{key}" if path else str(key), item)
    elif dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        yield from _named(path, fields)
    elif isinstance(value, (list, tuple)):
        names = getattr(value, "_fields", range(len(value)))
        yield from _named(path, dict(zip(names, value, strict=True)))
