"""What every contract holds, whatever the operation."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from typing import Any

import pytest

from archgraph.dims import Facts
from archgraph.ops import REGISTRY, Inputs, TensorType, make
from archgraph.ops.contract import DTYPES, operation
from archgraph.ops.reference import describe, families

KINDS = [kind for _, kind in sorted(REGISTRY.items())]
EXAMPLES = [(kind, example) for kind in KINDS for example in kind.examples]
"""Looked at in one test: a thousand tests of a microsecond are seconds of pytest's own work."""
INITIALISERS = {
    *("zeros", "ones", "constant", "normal", "uniform", "kaiming_uniform", "xavier_uniform", "arange", "computed"),
}


def test_every_operation_says_what_it_is() -> None:
    for kind in KINDS:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", kind.name)
        assert kind.meaning, kind.name
        assert "\n" not in kind.meaning
        assert not kind.meaning.endswith(".")
        assert kind.examples or kind.name == "register_buffer"  # what it reads stands next to it
        names = [port.name for port in kind.ports]
        assert len(set(names)) == len(names), kind.name
        assert all(set(port.dtypes) <= set(DTYPES) for port in kind.ports), kind.name
        assert not {*names} & {"weight", "bias"}, f"{kind.name}: these names are for weights from outside"


def test_every_attribute_is_used_by_an_example() -> None:
    rare = {"momentum", "value", "padding_mode", "elementwise_affine", "bias"}
    for kind in KINDS:
        shown = {name for example in kind.examples for name in example.attributes}
        assert set(kind.model_fields) - shown <= rare, kind.name


def test_examples_connect_ports_in_their_order_with_their_element_types() -> None:
    for kind, example in EXAMPLES:
        ports = {port.name: port for port in kind.ports}
        names = [name.partition(".")[0] for name in example.inputs]
        assert names == sorted(names, key=list(ports).index), kind.name
        assert {port.name for port in kind.ports if not port.optional} <= set(names), kind.name
        dtypes = ((ports[name.partition(".")[0]].dtypes, given.dtype) for name, given in example.inputs.items())
        assert all(given in known for known, given in dtypes), kind.name


def test_results_and_weights_are_plain() -> None:
    for kind, example in EXAMPLES:
        op, inputs = make(kind, example.attributes), Inputs(example.inputs)
        outputs, weights = op.infer(inputs, Facts()), op.weights(inputs)
        assert len(outputs) == len(op.result_names(len(outputs))), op
        assert all(isinstance(size, int) and size >= 1 for output in outputs for size in output.shape), op
        assert all(weight.init.kind in INITIALISERS for weight in weights), op
        assert [weight.trainable for weight in weights] == sorted((w.trainable for w in weights), reverse=True), op
        assert isinstance(op.macs(inputs, outputs), int), op


def test_an_operation_is_a_value() -> None:
    """Equal attributes make equal operations, as sets and shared layers need; none can be changed."""
    for kind, example in EXAMPLES:
        first, second = make(kind, example.attributes), make(kind, example.attributes)
        assert first == second
        assert hash(first) == hash(second), first
        assert pickle.loads(pickle.dumps(first)) == first
        for name in kind.model_fields:
            with pytest.raises(ValueError, match="frozen"):
                setattr(first, name, None)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_only_moves_elements_takes_and_keeps_every_element_type(dtype: str) -> None:
    box = TensorType((2, 6, 1), dtype)
    moved: dict[str, dict[str, Any]] = {
        "split": {"split_size": [2, 4], "dim": 1},
        "chunk": {"chunks": 2, "dim": 1},
        "reshape": {"shape": [3, 4]},
        "permute": {"dims": [1, 0, 2]},
        "transpose": {"dim0": 0, "dim1": 1},
        "roll": {"shifts": 1, "dims": 1},
        "flatten": {},
        "unsqueeze": {"dim": 0},
        "squeeze": {"dim": 2},
        "expand": {"shape": [-1, -1, 3]},
        "select": {"dim": 1, "index": 2},
        "slice": {"dim": 1, "start": 2},
        "identity": {},
        "detach": {},
        "pad": {"pad": [1, 1]},
    }
    for name, attributes in moved.items():
        assert dtype in REGISTRY[name].ports[0].dtypes
        outputs = make(REGISTRY[name], attributes).infer(Inputs({"input": box}), Facts())
        assert {output.dtype for output in outputs} == {dtype}, name
    both = Inputs({"tensors.0": box, "tensors.1": box})
    assert make(REGISTRY["concat"], {}).infer(both, Facts()) == (TensorType((2, 12, 1), dtype),)


def test_documentation_says_what_the_contract_holds() -> None:
    names = families()
    for kind in KINDS:
        doc = describe(kind.name)
        assert (doc.name, doc.meaning, doc.paper) == (kind.name, kind.meaning, kind.paper)
        assert [item.name for item in doc.attributes] == list(kind.model_fields)
        assert all(item.type and "typing" not in item.type and "<" not in item.type for item in doc.attributes), doc
        needed = {item.name for item in doc.attributes if item.required}
        assert all(needed <= set(example.attributes) for example in kind.examples), kind.name
        assert kind.name in names[kind.family]


def test_documentation_of_one_operation() -> None:
    doc = describe("conv2d")
    assert doc.family == "convolution"
    assert str(doc.attributes[0]) == "out_channels: a whole number of at least 1"
    assert str(doc.attributes[2]) == "stride: a whole number of at least 1, or two of them = 1"
    assert str(doc.attributes[6]) == "bias: true or false = true"
    assert doc.examples[0].weights == {"weight": "[6, 4, 3, 3]", "bias": "[6]"}
    assert str(describe("concat").ports[0]) == "tensors…"
    assert str(describe("add").ports[1]) == "other?"


def test_a_name_is_declared_once() -> None:
    with pytest.raises(ValueError, match="'relu' is declared twice"):
        operation("relu")(REGISTRY["relu"])


def test_contracts_import_no_framework() -> None:
    heavy = ("torch", "onnx", "onnxruntime", "numpy", "networkx", "graphviz")
    code = f"import sys, archgraph.ops.reference; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_contract_may_stand_in_a_module_that_was_not_imported() -> None:
    """A file of a plugin that is run, and is in no `sys.modules`."""
    room: dict[str, Any] = {"__name__": "gates_that_were_run"}
    lines = (
        "from __future__ import annotations",
        "from typing import ClassVar",
        "from archgraph.ops import Operation",
        "class Gate(Operation):",
        "    meaning: ClassVar[str] = 'x'",
        "    width: int = 3",
        "    def infer(self, inputs, facts):",
        "        return (inputs['input'],)",
    )
    exec("\n".join(lines), room)
    assert room["Gate"](width=4).width == 4
    with pytest.raises(ValueError, match="valid integer"):
        room["Gate"](width="4")
