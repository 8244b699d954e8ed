"""Plugins that fail, lie or lack something: the error names the plugin, the package and the file."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from plugin_packages import install, on_path

import archgraph as ag
from archgraph.artifact.metadata_keys import PLUGINS
from archgraph.artifact.onnx_metadata import metadata_entries
from archgraph.cli import main
from archgraph.codegen.rules.registry import DEFINITIONS, FUNCTIONS, IMPORTS, MODULES
from archgraph.errors import (
    ArchgraphError,
    CompileError,
    ExportError,
    PluginError,
    UnknownNameError,
    VerificationError,
)
from archgraph.export.lowering.emit import emit
from archgraph.export.profiles import PORTABLE
from archgraph.ops import REGISTRY
from archgraph.plugins.plugin import ENABLED
from archgraph.verify import verify_again
from archgraph.verify.plugins_of_file import other_versions
from archgraph.verify.shape_check import try_once

CONTRACT = """
from typing import ClassVar
from archgraph.ops import Example, Inputs, Operation, Port, TensorType, Traits, Weight, Init, operation

@operation("bad.double"{traits})
class Double(Operation):
    meaning: ClassVar[str] = "2 x: [...] → [...]"
    examples: ClassVar[tuple[Example, ...]] = (Example({{}}, {{"input": TensorType((2, 3))}}),)

    def infer(self, inputs, facts):
        {infer}
"""
TORCH = """
from archgraph.codegen.rules import call, function, infix, number, ref, text
from bad import operations as ops

@function(ops.Double)
def double(site, op):
    return {term}
"""
ONNX = """
import numpy as np
from archgraph.export.rules import CPU, rule
from bad import operations as ops

@rule(ops.Double{profile})
def double(at, op):
    {body}
"""
NET = {"archgraph": 1, "name": "net", "inputs": {"x": ["N", 3]}, "nodes": {"twice": {"op": "bad.double"}}}
Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    """Writes the package `bad`, right but for what the arguments change, and installs it."""

    def files(
        *,
        infer: str = "return (inputs.main,)",
        term: str = 'infix("*", ref("input"), number("factor", 2))',
        body: str = 'return at.emit("Add", at["input"], at["input"])',
        profile: str = "",
        traits: str = "",
        **others: str,
    ) -> None:
        package = tmp_path / "bad"
        package.mkdir()
        texts = {
            "__init__": "",
            "operations": CONTRACT.format(infer=infer, traits=traits),
            "torch_rules": TORCH.format(term=term),
            "onnx_rules": ONNX.format(body=body, profile=profile),
            **others,
        }
        for name, text in texts.items():
            (package / f"{name}.py").write_text(text)
        install(tmp_path, "bad-plugin", "3.0", {"operations": {"bad": "bad.operations"}})

    with on_path(tmp_path):
        yield files


def refused(call: Callable[[], Any], kind: type[ArchgraphError] = PluginError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def test_the_plugin_of_these_tests_is_right(write: Write, tmp_path: Path) -> None:
    write()
    assert ag.try_plugin("bad").problems == ()
    x = torch.randn(2, 3)
    torch.testing.assert_close(ag.to_torch(NET)(x), 2 * x)


# --- enabling ---------------------------------------------------------------------------------------------------------


def test_one_that_raises_when_it_is_imported(write: Write, tmp_path: Path) -> None:
    write(operations="\nprices = {}\nprices['nothing']\n")
    assert refused(lambda: ag.use_plugin("bad")) == (
        "error: the plugin bad: bad.operations cannot be imported\n"
        "  received: KeyError: 'nothing'\n"
        f"  hint: this is a fault of bad-plugin 3.0, at {tmp_path}/bad/operations.py:3"
    )
    assert not ENABLED


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ("import sys; sys.exit(3)", "bad.operations cannot be imported\n  received: SystemExit: 3"),
        ("import not_installed", "received: ModuleNotFoundError: No module named 'not_installed'"),
        ("x = (", "received: SyntaxError"),
        ("", 'declares no operation\n  expected: classes under @operation("bad.…") in bad.operations'),
    ],
)
def test_one_whose_module_is_none(write: Write, operations: str, message: str) -> None:
    write(operations=operations)
    assert message in refused(lambda: ag.use_plugin("bad"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bad.double", "double", "its name is missing or wrong on bad.operations.Double"),
        ("bad.double", "other.double", "received: 'other.double'"),
        ('"2 x: [...] → [...]"', '""', "its meaning is missing"),
        ('(Example({}, {"input": TensorType((2, 3))}),)', "()", "its examples is missing"),
        ("def infer", "def shapes", "its shape rule is missing"),
        (
            "    def infer",
            "    width: 'Nothing'\n\n    def infer",
            "the class Double failed\n  received: PydanticUndefined",
        ),
    ],
)
def test_one_whose_contract_lacks_something(write: Write, old: str, new: str, message: str) -> None:
    text = CONTRACT.format(infer="return (inputs.main,)", traits="")
    assert old in text
    write(operations=text.replace(old, new))
    assert message in refused(lambda: ag.use_plugin("bad"))
    assert not ENABLED
    assert not [name for name in REGISTRY if "." in name]


def test_one_that_declares_a_name_twice(write: Write) -> None:
    text = CONTRACT.format(infer="return (inputs.main,)", traits="")
    write(operations=text + text.replace("class Double", "class Twice"))
    assert "the plugin bad declares 'bad.double' twice" in refused(lambda: ag.use_plugin("bad"))


def test_one_whose_entry_point_is_none(tmp_path: Path) -> None:
    """It spoils no other name, and says so when somebody wants it."""
    install(tmp_path, "odd-plugin", "1", {"operations": {"odd": "no module!"}})
    with on_path(tmp_path):
        with pytest.raises(UnknownNameError):
            ag.load({**NET, "nodes": {"act": {"op": "lost.thing"}}})
        assert "no module! cannot be imported" in refused(lambda: ag.use_plugin("odd"))


def test_one_whose_name_no_spec_can_write(write: Write, tmp_path: Path) -> None:
    write()
    install(tmp_path, "torch-plugin", "1", {"operations": {"torch": "bad.operations"}})
    assert "'torch' cannot be the name of a plugin" in refused(lambda: ag.use_plugin("torch"))


def test_one_whose_folder_of_blocks_is_missing_or_empty(write: Write, tmp_path: Path) -> None:
    write()
    install(tmp_path, "lost-plugin", "1", {"blocks": {"lost": "bad.blocks"}})
    assert "the plugin lost has no folder bad.blocks" in refused(lambda: ag.use_plugin("lost"))
    (tmp_path / "bad" / "blocks").mkdir()
    assert "the plugin lost has no blocks" in refused(lambda: ag.use_plugin("lost"))
    (tmp_path / "bad" / "blocks" / "for.yaml").touch()
    assert "'for' cannot be a block's name" in refused(lambda: ag.use_plugin("lost"))


# --- shapes -----------------------------------------------------------------------------------------------------------


def test_one_that_lies_about_its_shapes(write: Write, tmp_path: Path) -> None:
    """The proof of an export, `build` and the trial run its torch code by itself."""
    write(infer="return (TensorType((*inputs.main.shape[:-1], 7)),)")
    ag.use_plugin("bad")
    lie = (
        "error: twice: the plugin bad: the shape rule of bad.double does not say what its torch code gives\n"
        "  expected: [1, 7], as its contract says\n"
        "  received: [1, 3]\n"
        "  hint: this is a fault of bad-plugin 3.0"
    )
    assert refused(lambda: ag.to_onnx(NET, tmp_path / "net.onnx"), VerificationError).startswith(lie)
    assert not (tmp_path / "net.onnx").exists()
    (problem,) = ag.try_plugin("bad").problems
    assert "does not say what its torch code gives" in problem.message
    graph = ag.load(NET)
    assert "the shape rule of bad.double" in refused(lambda: try_once(ag.to_torch(graph), graph), CompileError)


def test_one_that_lies_about_its_weights(write: Write, tmp_path: Path) -> None:
    weights = 'return (Weight("scale", (3,), Init("ones")),)'
    text = CONTRACT.format(infer="return (inputs.main,)", traits="")
    module = "\nfrom archgraph.codegen.rules import module\n\n@module(ops.Double)\n"
    module += "def layer(site, op):\n    return call('nn.PReLU')\n"
    write(
        operations=f"{text}\n    def weights(self, inputs):\n        {weights}\n",
        torch_rules=TORCH.format(term='ref("input")') + module,
    )
    ag.use_plugin("bad")
    message = refused(lambda: ag.to_onnx(NET, tmp_path / "net.onnx"), VerificationError)
    assert "the weights of bad.double are not those of its torch module\n  expected: scale [3], as" in message
    assert "received: weight [1]" in message


@pytest.mark.parametrize(
    ("infer", "message"),
    [
        ("return 1 / 0", "the shape rule of bad.double failed\n  received: ZeroDivisionError: division by zero"),
        ("return inputs.main", "gives no answer that a contract may give"),
        ("return (inputs.main, inputs.main)", "expected: 1 results, as `results` names them"),
        ("return (TensorType((0, 3)),)", "a tuple with a TensorType for each result"),
    ],
)
def test_one_whose_shape_rule_fails(write: Write, infer: str, message: str) -> None:
    write(infer=infer)
    ag.use_plugin("bad")
    assert message in refused(lambda: ag.load(NET))


# --- rules ------------------------------------------------------------------------------------------------------------


def test_one_without_rules(write: Write, tmp_path: Path) -> None:
    write()
    (tmp_path / "bad" / "onnx_rules.py").unlink()
    (tmp_path / "bad" / "torch_rules.py").unlink()
    ag.use_plugin("bad")
    assert refused(lambda: ag.to_onnx(NET, tmp_path / "net.onnx", verify=False), CompileError).endswith(
        "expected: a rule under @function(Double) in bad/torch_rules.py\n  received: twice"
    )
    assert refused(lambda: emit(ag.load(NET), PORTABLE), ExportError) == (
        "error: twice: the profile 'portable' has no ONNX form for 'bad.double'\n"
        "  expected: a rule under @rule(Double) in bad/onnx_rules.py"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"term": "undefined"}, "the torch rule of bad.double failed\n  received: NameError"),
        ({"term": "'2 * x'"}, "makes no term\n  expected: a term, such as call"),
        ({"torch_rules": "raise OSError('no licence')"}, "bad.torch_rules cannot be imported\n  received: OSError: no"),
        ({"body": "raise LookupError('x')"}, "the ONNX rule of bad.double failed\n  received: LookupError: x"),
        ({"body": "return 'nowhere'"}, "gives no names of values\n  expected: 1 of those that `emit` returns"),
        ({"onnx_rules": "import onnx.nothing"}, "bad.onnx_rules cannot be imported\n  received: ModuleNotFoundError"),
    ],
)
def test_one_whose_rules_fail(write: Write, tmp_path: Path, changes: dict[str, str], message: str) -> None:
    write(**changes)
    ag.use_plugin("bad")
    assert message in refused(lambda: ag.to_onnx(NET, tmp_path / "net.onnx"))


HALF = """
from archgraph.codegen.rules import call, define, function, imports, module, ref
from bad import more_rules, operations as ops

define("bad_double", "def bad_double(x: Tensor) -> Tensor:\\n    return 2 * x")
imports("BadDouble", "bad.operations")


@function(ops.Double)
def double(site, op):
    return call("bad_double", ref("input"))
"""
MORE = """
from archgraph.codegen.rules import call, module
from bad import operations as ops


@module(ops.Double)
def double(site, op):
    return None
"""


@pytest.mark.parametrize("last", ["raise OSError('no licence')", "raise KeyboardInterrupt", "import bad.nothing"])
def test_one_whose_rules_fail_halfway_registers_none(write: Write, tmp_path: Path, last: str) -> None:
    """The same error as often as it is asked for, no rule of it in any table, and all of them once it is mended."""
    write(torch_rules=HALF + last, more_rules=MORE)
    ag.use_plugin("bad")
    contract = REGISTRY["bad.double"]
    kind = KeyboardInterrupt if "Interrupt" in last else PluginError
    said = set()
    for _ in range(2):
        with pytest.raises(kind) as caught:
            ag.to_torch(NET)
        said.add(str(caught.value))
        assert contract not in {*FUNCTIONS, *MODULES}
        assert not {"bad_double", "BadDouble"} & {*DEFINITIONS, *IMPORTS}
    assert len(said) == 1
    (tmp_path / "bad" / "torch_rules.py").write_text(HALF)
    importlib.invalidate_caches()
    x = torch.randn(2, 3)
    torch.testing.assert_close(ag.to_torch(NET)(x), 2 * x)


def test_what_archgraph_registers_for_one_that_fails_stays() -> None:
    """A plugin may be the first one to need a family; a process of its own has not yet read it."""
    text = """
import sys
import types
from archgraph.plugins.plugin import Plugin
from archgraph.plugins.registration import all_or_nothing
from archgraph.codegen.rules.registry import FUNCTIONS

assert not any(kind.name == "cumsum" for kind in FUNCTIONS)
try:
    with all_or_nothing(Plugin("bad", "bad-plugin", "3.0", "bad.operations")):
        import archgraph.codegen.rules.cumulative
        sys.modules["bad.rules"] = types.ModuleType("bad.rules")
        raise OSError
except OSError:
    pass
from archgraph.ops import REGISTRY
assert REGISTRY["cumsum"] and FUNCTIONS[REGISTRY["cumsum"]]
assert "bad.rules" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", text], check=True)


def test_one_that_would_change_an_operation_of_others(write: Write, tmp_path: Path) -> None:
    """Here the form of relu in one profile, which has no rule of its own for it."""
    text = ONNX.format(profile="", body='return at.emit("Add", at["input"], at["input"])')
    text += '\n@rule(activation.ReLU, CPU)\ndef relu(at, op):\n    return at["input"]\n'
    write(onnx_rules=f"from archgraph.ops import activation\n{text}")
    ag.use_plugin("bad")
    message = refused(lambda: ag.to_onnx(NET, tmp_path / "net.onnx"))
    assert "received: ValueError: 'relu' is no operation of the plugin bad, which has a rule for it" in message
    path = tmp_path / "relu.onnx"
    ag.to_onnx({**NET, "nodes": {"act": "relu"}}, path, profile="cpu", verify=False)
    assert b"Relu" in path.read_bytes()


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        (
            "acme.ai",
            "emits acme.ai.Twice\n  expected: standard operators, and in the profiles cpu and cuda those of com",
        ),
        ("com.microsoft", "hint: register this form with @rule(Double, CPU)"),
    ],
)
def test_one_that_emits_operators_of_another_domain(write: Write, tmp_path: Path, domain: str, message: str) -> None:
    write(body=f'return at.emit("Twice", at["input"], domain="{domain}")')
    ag.use_plugin("bad")
    assert message in refused(lambda: ag.to_onnx(NET, tmp_path / "net.onnx"), ExportError)


def test_one_that_emits_an_operator_that_there_is_not(write: Write, tmp_path: Path) -> None:
    write(body='return at.emit("Twice", at["input"])')
    ag.use_plugin("bad")
    assert refused(lambda: ag.to_onnx(NET, tmp_path / "net.onnx"), ExportError) == (
        "error: twice: the plugin bad: the ONNX rule of bad.double emits Twice\n"
        "  expected: an operator that the standard has in opset 18"
    )


def test_one_that_computes_something_else_as_onnx(write: Write, tmp_path: Path) -> None:
    write(body='return at.emit("Mul", at["input"], at["input"])')
    ag.use_plugin("bad")
    message = refused(lambda: ag.to_onnx(NET, tmp_path / "net.onnx"), VerificationError)
    assert "twice: bad.double is the first node whose result in the file is wrong" in message
    assert "note: bad-plugin 3.0 brings bad.double" in message


def test_one_whose_traits_are_not_true(write: Write) -> None:
    write(traits=", Traits(moves_data=True)")
    (problem,) = ag.try_plugin("bad").problems
    assert "bad.double: moves_data is claimed, and its results are no elements" in problem.message


def test_one_whose_reference_is_another_function(write: Write) -> None:
    write(references="REFERENCES = {'bad.double': lambda op, x: 2.01 * x}")
    (problem,) = ag.try_plugin("bad").problems
    assert "its torch code computes something else than its reference" in problem.message
    assert problem.hint == "see bad/torch_rules.py"


# --- what changes between export and verify ---------------------------------------------------------------------------


def test_one_of_another_version_than_a_file_was_exported_with(write: Write, tmp_path: Path) -> None:
    """The file is proved all the same; where it departs, the versions are told."""
    write()
    ag.use_plugin("bad")
    ag.to_onnx(NET, tmp_path / "net.onnx")
    written = PLUGINS.of(metadata_entries(tmp_path / "net.onnx"))
    assert not list(other_versions(written))
    ENABLED["bad"] = replace(ENABLED["bad"], version="4.0")
    (note,) = other_versions(written)
    assert (note.expected, note.received) == ("bad-plugin 3.0", "bad-plugin 4.0")
    assert verify_again(tmp_path / "net.onnx").versions["bad-plugin"] == "4.0"


def test_a_fault_that_nothing_guards_is_no_traceback(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as that of a method that few verbs ask."""
    text = CONTRACT.format(infer="return (inputs.main,)", traits="")
    write(operations=text + "\n    def macs(self, inputs, outputs):\n        return inputs.nothing\n")
    (tmp_path / "net.json").write_text(json.dumps(NET))
    assert _run("summary", str(tmp_path / "net.json"), "--plugin", "bad") == 1
    said = capsys.readouterr().err
    assert said.startswith("error: the plugin bad: bad.operations failed\n  received: AttributeError")
    assert "Traceback" not in said


def _run(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code or 0


def test_names_without_a_plugin_are_refused_as_before(write: Write) -> None:
    write()
    with pytest.raises(UnknownNameError, match=r"did you mean 'relu'\?"):
        ag.load({**NET, "nodes": {"act": {"op": "nn.ReLU"}}})
    with pytest.raises(UnknownNameError, match=r"'lost' is no file that `use` names, and no plugin that is installed"):
        ag.load({**NET, "nodes": {"act": {"op": "lost.thing"}}})
