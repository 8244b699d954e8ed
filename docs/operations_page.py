"""The page on operations, from their contracts."""

from __future__ import annotations

from collections.abc import Mapping

from onnx_forms import onnx_forms
from page_parts import NOTICE, flow, link, sentence, table

from archgraph.ops.contract import DTYPES, FLOAT_TYPES
from archgraph.ops.reference import ExampleDoc, OperationDoc, PortDoc, describe, families


def operations() -> str:
    """Every operation, by family."""
    found = families()
    count = sum(map(len, found.values()))
    parts = [
        NOTICE.format(source="the contracts in archgraph/ops"),
        "# Operations\n",
        f"The {count} operations that a node can name. Attributes have torch's names and torch's defaults. "
        "`archgraph ops NAME` shows one of them in the terminal. What can be made of several operations is a "
        "[block](blocks.md).\n",
        "A shape equation shows the shape of the inputs, an arrow, and the shape of the output; `...` stands for any "
        "dimensions. MACs are the multiply-accumulates of an example, by which `summary` counts. ONNX names the "
        "operators that the first example becomes in an exported file, by [profile](profiles.md) where these differ.\n",
        "\n".join(f"- {family}: {', '.join(map(link, names))}" for family, names in found.items()) + "\n",
    ]
    for family, names in found.items():
        parts.append(f"## {family.capitalize()}\n")
        parts += map(operation, names)
    return "\n".join(parts)


def operation(name: str) -> str:
    """The section of one operation."""
    return _operation(describe(name))


def _operation(doc: OperationDoc) -> str:
    lines = [f"### {doc.name}\n", f"{sentence(doc.meaning)}\n"]
    if doc.paper:
        lines.append(f"Paper: {sentence(doc.paper)}\n")
    lines.append(f"Inputs: {', '.join(map(_port, doc.ports)) or 'none'}.\n")
    if doc.attributes:
        rows = [
            (f"`{item.name}`", item.type, "required" if item.required else f"`{item.default_text}`", item.meaning)
            for item in doc.attributes
        ]
        lines.append(table(("attribute", "type", "default", "meaning"), rows))
    rows = [_example(doc.name, found) for found in doc.examples]
    lines.append(table(("example", "inputs", "outputs", "weights", "MACs"), rows))
    if forms := onnx_forms(doc.name):
        lines.append(f"ONNX: {_forms(forms)}.\n")
    return "\n".join(lines)


def _example(name: str, found: ExampleDoc) -> tuple[str, ...]:
    types = map(_types, (found.inputs, found.outputs, found.weights))
    return f"`{flow({'op': name, **found.attributes})}`", *types, found.macs


def _forms(forms: Mapping[str, str]) -> str:
    """The operators of the first example by profile; once where all profiles have the same."""
    if len(set(forms.values())) == 1:
        return next(iter(forms.values()))
    return "; ".join(f"{profile}: {form}" for profile, form in forms.items())


def _port(port: PortDoc) -> str:
    kinds = {DTYPES: "any element type", FLOAT_TYPES: ""}.get(port.dtypes, ", ".join(port.dtypes))
    words = ["optional"] * port.optional + ["any number of values"] * port.variadic + [kinds] * bool(kinds)
    return f"`{port.name}`" + (f" ({'; '.join(words)})" if words else "")


def _types(types: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}".strip() for name, kind in types.items()) or "-"
