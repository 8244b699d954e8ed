"""What is said of presets and parameters from outside, of specs without a text; and what every message has."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from spec_samples import assert_says, net

from archgraph.errors import SpecError
from archgraph.language.load import check, load
from archgraph.language.reading.document import from_mapping

WIDTH = "params: {width: 4, mode: [a, b]}\nnodes: {c: {op: conv2d, out_channels: =width, kernel_size: 1}}\n"
PRESETS = "presets: {small: {}, large: {width: =2 * depth}}\n"


def test_a_preset_that_is_not_there() -> None:
    said = """
        net.yaml:4:1: error: net has no preset 'smal'
            4 | presets: {small: {}, large: {width: =2 * depth}}
                ^^^^^^^
          expected: one of small, large
          hint: did you mean 'small'?
        """
    assert_says(PRESETS + WIDTH, said, "smal")


def test_a_preset_of_a_spec_without_presets() -> None:
    said = """
        net.yaml:2:1: error: net has no preset 'small'
            2 | name: net
                ^^^^
          expected: no preset: it has none
        """
    assert_says(WIDTH, said, "small")


def test_an_expression_of_a_preset() -> None:
    said = """
        net.yaml:4:37: error: width: there is no 'depth' here
            4 | presets: {small: {}, large: {width: =2 * depth}}
                                                    ^^^^^^^^^^
          expected: one of H, N, W, mode
          note: in =2 * depth
                        ^^^^^
        """
    assert_says(PRESETS + WIDTH, said, "large")


def test_an_override_that_is_not_there() -> None:
    said = """
        net.yaml:4:1: error: net has no parameter 'widht'
            4 | params: {width: 4, mode: [a, b]}
                ^^^^^^
          expected: one of width, mode
          hint: did you mean 'width'?
        """
    assert_says(WIDTH, said, widht=5)


def test_overrides_of_a_wrong_type() -> None:
    said = """
        net.yaml:4:17: error: net: the parameter 'width' has a wrong value
            4 | params: {width: 4, mode: [a, b]}
                                ^
          expected: a whole number
          received: 'x' (text)
        net.yaml:4:26: error: net: the parameter 'mode' has a wrong value
            4 | params: {width: 4, mode: [a, b]}
                                         ^^^^^^
          expected: one of a, b
          received: 'c' (text)
        """
    assert_says(WIDTH, said, width="x", mode="c")


def test_a_published_number_of_parameters() -> None:
    said = """
        net.yaml:5:33: error: net@b has another number of parameters than 'assert' states
            5 | assert: {parameters: {a: 20, b: 20}}
                                                ^^
          expected: 20
          received: 25 (+5)
        """
    assert_says("presets: {a: {}, b: {width: 5}}\nassert: {parameters: {a: 20, b: 20}}\n" + WIDTH, said, "b")


def test_an_override_leaves_the_published_number_alone() -> None:
    net("assert: {parameters: 20}\n" + WIDTH, width=7)


def test_a_mapping_has_no_places() -> None:
    spec = {
        "archgraph": 1,
        "name": "net",
        "inputs": {"x": ["N", 4]},
        "nodes": {"g": {"nodes": {"a": {"op": "linear", "out_feature": 3}}}, "b": "rellu"},
    }
    with pytest.raises(SpecError) as error:
        load(spec)
    assert str(error.value) == textwrap.dedent(
        """\
        error: g.a: linear has no parameter 'out_feature'
          expected: one of out_features, bias, weight_norm, spectral_norm
          hint: did you mean 'out_features'?
        error: b: there is no operation or block 'rellu'
          hint: did you mean 'relu'?"""
    )


def test_presets_with_the_same_mistake_say_it_once(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    text = "archgraph: 1\nname: net\ninputs: {x: [N, 4]}\nparams: {k: 1}\npresets: {a: {}, b: {k: 2}}\n"
    path.write_text(text + "nodes: {a: {op: linear, out_features: =k}, b: {op: rellu}}\n")
    with pytest.raises(SpecError) as error:
        check(path)
    assert [problem.message for problem in error.value.problems] == ["there is no operation or block 'rellu'"]


def test_numbers_of_problems_are_bounded() -> None:
    nodes = {f"n{i}": {"op": "rellu", "in": "x"} for i in range(300)}
    document = from_mapping({"archgraph": 1, "name": "net", "inputs": {"x": ["N"]}, "nodes": nodes})
    with pytest.raises(SpecError) as error:
        load(document.data)
    assert len(error.value.problems) == 100


def test_a_network_that_is_too_large() -> None:
    said = """
        net.yaml:5:9: error: a: the network has 5,000,000,000,000 parameters; the largest is 'a.weight' [1000000, 1000000, 5, 1]
            5 | nodes: {a: {op: conv2d, out_channels: 1000000, kernel_size: [5, 1], bias: false}}
                        ^
          expected: at most 1,000,000,000,000
        """
    text = "nodes: {a: {op: conv2d, out_channels: 1000000, kernel_size: [5, 1], bias: false}}\n"
    assert_says("inputs: {x: [N, 1000000, H, W]}\nmeta: {}\n" + text, said)


def test_a_network_of_too_many_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archgraph.language.expressions.budget.MAX_NODES", 500)
    said = """
        net.yaml:5:57: error: a.0.b.4.c.91: the network has more than 500 nodes
            5 | nodes: {a: {repeat: 99, nodes: {b: {repeat: 99, nodes: {c: {op: relu, repeat: 99}}}}}}
                                                                        ^
          hint: do its loops multiply?
        """
    text = "nodes: {a: {repeat: 99, nodes: {b: {repeat: 99, nodes: {c: {op: relu, repeat: 99}}}}}}\n"
    assert_says("inputs: {x: [N]}\nmeta: {}\n" + text, said)


def test_expressions_that_are_too_much_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archgraph.language.expressions.budget.MOST_STEPS", 5_000)
    said = """
        net.yaml:5:22: error: a: the expressions of this network are too much work
            5 | nodes: {a: {let: {v: "=sum(range(900))"}, op: relu, repeat: 3}}
                                     ^^^^^^^^^^^^^^^^^^
          expected: at most 5,000 entries of lists
          note: in =sum(range(900))
        """
    assert_says('inputs: {x: [N]}\nmeta: {}\nnodes: {a: {let: {v: "=sum(range(900))"}, op: relu, repeat: 3}}\n', said)
    net('inputs: {x: [N]}\nmeta: {}\nnodes: {a: {let: {v: "=sum(range(900))"}, op: relu, repeat: 2}}\n')
