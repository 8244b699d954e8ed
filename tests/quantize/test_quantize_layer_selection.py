"""Which layers become integers and which stay in float32, on small graphs whose answer can be read off."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archgraph.errors import InputError
from archgraph.quantize.layer_selection import ASIDE, ASKED, FIRST, LAST, SENSITIVE, between, choose, weighted
from archgraph.quantize.sensitivity import Sensitivity, fewest, shares_of_work
from archgraph.quantize.uses import ModelWiring

CHAIN = ["Conv a x", "Conv b a", "Relu act b", "Conv c act", "Conv d c"]
"""One node per line: operator, its name and result, its inputs."""


def wired(lines: list[str], outputs: tuple[str, ...] = (), bare: bool = False) -> ModelWiring:
    """The wiring of a graph on a picture `x` and a time `t`; each layer has a weight of its own. Where it is `bare`, no
    types stand between the nodes."""
    nodes, weights = [], []
    for line in lines:
        kind, name, *inputs = line.split()
        if kind in ("Conv", "Gemm", "MatMul"):
            shape = (2, 2, 3, 3) if kind == "Conv" else (2, 5)
            weights.append(numpy_helper.from_array(np.zeros(shape, np.float32), f"{name}.weight"))
            inputs.insert(1, f"{name}.weight")
        if kind.startswith("ReduceMean"):
            kind, axes = kind[:10], [int(axis) for axis in kind[10:]]
            weights.append(numpy_helper.from_array(np.array(axes), f"{name}.axes"))
            inputs.append(f"{name}.axes")
        nodes.append(helper.make_node(kind, inputs, [name], name=name))
    made = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2, 8, 8])]
    made.append(helper.make_tensor_value_info("t", TensorProto.FLOAT, ["N", 2]))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs or (nodes[-1].name,)]
    typed = [helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, [None] * 4) for node in nodes]
    graph = helper.make_graph(nodes, "g", made, ends, weights, value_info=[] if bare else typed)
    return ModelWiring(onnx.helper.make_model(graph))


def test_all_but_the_first_and_the_last_layer() -> None:
    found = choose(wired(CHAIN))
    assert found.layers == ("b", "c")
    assert found.kept == {"a": FIRST, "d": LAST}
    assert found.between == ("act",)


def test_both_layers_that_a_picture_enters_and_both_that_leave_are_kept() -> None:
    lines = ["Conv a x", "Conv b x", "Add s a b", "Conv m s", "Conv y m", "Conv z m"]
    found = choose(wired(lines, ("y", "z")))
    assert found.layers == ("m",)
    assert found.kept == {"a": FIRST, "b": FIRST, "y": LAST, "z": LAST}


def test_what_does_not_depend_on_the_picture_is_kept() -> None:
    lines = ["Gemm time t", "Conv a x", "Conv b a", "Add s b time", "Conv c s"]
    found = choose(wired(lines), aside=("elsewhere",))
    assert found.layers == ("b",)
    assert found.kept == {"elsewhere": ASIDE, "time": ASIDE, "a": FIRST, "c": LAST}
    assert list(found.kept) == ["elsewhere", "time", "a", "c"], "in the order in which they run"


def test_named_and_sensitive_layers_are_kept() -> None:
    lines = ["Conv stem x", "Conv up.0.one stem", "Conv up.0.two up.0.one", "Conv up.00 up.0.two", "Conv out up.00"]
    assert choose(wired(lines), keep=["up.0"]).layers == ("up.00",)
    found = choose(wired(lines), keep=["up.0.one"], sensitive=["up.00"])
    assert found.layers == ("up.0.two",)
    assert found.kept == {"stem": FIRST, "up.0.one": ASKED, "up.00": SENSITIVE, "out": LAST}
    with pytest.raises(InputError, match="no convolution or linear layer at 'up"):
        choose(wired(lines), keep=["up.1"])
    with pytest.raises(InputError, match=r"nothing of this network(.|\n)*received: 5 of them, all kept"):
        choose(wired(lines), keep=["up"])


def test_a_product_of_two_computed_values_is_no_layer() -> None:
    wiring = wired(["Conv a x", "Conv b a", "Conv c b", "Conv d c"])
    node: Any = wiring.nodes["b"]
    node.op_type, node.input[1] = "MatMul", "a"
    assert weighted(wiring) == ("a", "c", "d")
    assert choose(wiring).layers == ("c",)


@pytest.mark.parametrize(
    ("lines", "layers", "joined"),
    [
        (
            ["Conv a x", "Conv b x", "Add s a b", "Conv c s"],
            "abc",
            "s",
        ),  # both sides and the reader are integers
        (["Conv a x", "Add s a x", "Conv c s"], "ac", ""),  # one side is not
        (["Conv a x", "Conv b x", "Add s a b", "Softmax c s"], "ab", ""),  # nobody on integers reads it
        (["Conv a x", "Conv b x", "Add s a b", "Conv c s", "Softmax n s"], "abc", ""),  # what amplifies rounding reads
        (["Conv a x", "Conv b x", "Add s a b", "Conv c s", "Flatten f s"], "abc", "s"),
        (["Conv a x", "MaxPool p a", "Relu r p", "Conv c r"], "ac", "pr"),  # one after the other
        (["Conv a x", "MaxPool p a", "Relu r p", "Softmax n r"], "a", ""),  # the last one leaves, and then the first
        (["Conv a x", "Relu r a", "Softmax n r"], "a", "r"),  # a part of its layer, whoever reads it
        (["Conv a x", "Relu r a", "Softmax n r", "Softmax m a"], "a", ""),  # not where the layer is read twice
        (["Conv a x", "Sigmoid g a", "Conv c g"], "ac", ""),
        (["Conv a x", "ReduceMean23 m a", "Conv c m"], "ac", "m"),  # the mean of the whole image
        (["Conv a x", "ReduceMean3 m a", "Conv c m"], "ac", ""),
        (["Conv a x", "Conv b x", "Add s a b", "Conv c s", "ReduceMean23 m s"], "abc", "s"),
    ],
)
def test_operators_between_layers(lines: list[str], layers: str, joined: str) -> None:
    assert between(wired(lines), tuple(layers)) == tuple(joined)


def test_parts_of_an_operation_do_not_join() -> None:
    """The quantiser does not know their types, and never ends where a pool follows one of which it knows none."""
    assert between(wired(["Conv a x", "AveragePool p a", "Conv c p"], bare=True), ("a", "c")) == ()


def test_the_fewest_layers_stop_at_the_budget() -> None:
    found = [Sensitivity("a", 3.0, 0.5), Sensitivity("b", 4.0, 0.5), Sensitivity("c", 0.0, 0.1)]
    assert fewest(found, 5.0, 5.0) == ()
    assert fewest(found, 5.0, 4.9) == ("a",)
    assert fewest(found, 5.0, 4.0) == ("a",), "without a, sqrt(25 - 9) = 4 remains"
    assert fewest(found, 5.0, 3.9) == ("a", "b")
    assert fewest(found, 10.0, 8.0) == ("a",), "where they interact, each counts for its part of the whole"
    assert fewest([Sensitivity("a", 0.0, 1.0)], 1.0, 0.5) == ()


def test_the_work_of_a_layer_is_its_values_times_its_terms() -> None:
    wiring = wired(["Conv a x", "Flatten f a", "MatMul b f", "Gemm c f"])
    wiring.nodes["c"].attribute.append(helper.make_attribute("transB", 1))
    found = shares_of_work(wiring, ("a", "b", "c"), {"a": 10, "b": 5, "c": 4})
    work = {"a": 10 * 2 * 3 * 3, "b": 5 * 2, "c": 4 * 5}  # a kernel of [2, 2, 3, 3] adds 18; [2, 5] has 2 rows
    assert found == pytest.approx({name: count / sum(work.values()) for name, count in work.items()})
    assert shares_of_work(wiring, ("a",), {}) == {"a": 0.0}
