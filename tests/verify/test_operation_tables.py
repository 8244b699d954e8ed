"""Every row of every table against torch, all rows of a table in one file: at the edges of each element type, at sizes
of 1, odd and symbolic, in every profile, with all of ONNX Runtime's optimisations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from table_graphs import LOW, SHAPES, Applied, edges, near, opened, require_torchs

import archgraph as ag
from archgraph.dims import symbol
from archgraph.errors import ArchgraphError
from archgraph.export import export
from archgraph.export.lowering.forms import WITHOUT_DOUBLE
from archgraph.graph.builder import Builder
from archgraph.ops import REGISTRY, make
from archgraph.ops.binary import PAIRS
from archgraph.ops.binary import TABLE as BINARY
from archgraph.ops.contract import DTYPES, FLOAT_TYPES, TensorType
from archgraph.ops.nonlinearity import ALONG_DIM
from archgraph.ops.nonlinearity import TABLE as ACTIVATIONS
from archgraph.ops.promotion import result_type
from archgraph.ops.unary import TABLE as UNARY


def in_profiles(every: Sequence[Any], some: Sequence[Any]) -> list[Any]:
    """All types in portable files, some in those of each device: tables have the same rules in every profile."""
    cases = [(each, "portable") for each in every] + [(each, profile) for profile in ("cpu", "cuda") for each in some]
    return [
        pytest.param(each, profile, id=f"{profile}-{each if isinstance(each, str) else '-'.join(each)}")
        for each, profile in cases
    ]


@pytest.mark.parametrize(("dtype", "profile"), in_profiles(DTYPES, ("float32", "int64")))
def test_functions_of_each_element_are_torchs(dtype: str, profile: str, tmp_path: Path) -> None:
    applied = Applied(dtype)
    for row in UNARY.rows.values():
        if dtype in row.types.reads:
            applied.add(row)
    given = [[edges(dtype, shape, start)] for start, shape in enumerate(SHAPES)]
    require_torchs(applied.graph(), given, tmp_path, profile)


MIXED = [
    ("float32", "float32"),
    ("float64", "int32"),
    ("float16", "float16"),
    ("bfloat16", "float32"),
    ("int64", "int64"),
    ("int32", "int64"),
    ("int64", "float32"),
    ("uint8", "int32"),
    ("uint8", "uint8"),
    ("bool", "bool"),
    ("bool", "int64"),
    ("float32", "bool"),
]
ARITHMETIC = {
    "add": {},
    "sub": {},
    "mul": {},
    "div": {},
    "div_floor": {"rounding_mode": "floor"},
    "div_trunc": {"rounding_mode": "trunc"},
}


@pytest.mark.parametrize(("dtype", "profile"), in_profiles(FLOAT_TYPES, ("float32", "float16")))
def test_activations_are_torchs(dtype: str, profile: str, tmp_path: Path) -> None:
    applied = Applied(dtype)
    for row in ACTIVATIONS.rows.values():
        applied.add(row)
    given = [[edges(dtype, shape, start)] for start, shape in enumerate(SHAPES)]
    require_torchs(applied.graph(), given, tmp_path, profile)


@pytest.mark.parametrize("dtype", FLOAT_TYPES)
def test_activations_along_a_dimension_are_torchs(dtype: str, tmp_path: Path) -> None:
    """Of all numbers but infinity, which torch's kernels do not agree about."""
    applied = Applied(dtype)
    for row in ALONG_DIM.rows.values():
        applied.add(row)
    given = [[edges(dtype, shape, start).nan_to_num(0, 9, 9)] for start, shape in enumerate(SHAPES)]
    require_torchs(applied.graph(), given, tmp_path, "portable")


@pytest.mark.parametrize(("dtypes", "profile"), in_profiles(MIXED, (("float32", "float32"), ("uint8", "int32"))))
def test_functions_of_two_values_are_torchs(dtypes: tuple[str, str], profile: str, tmp_path: Path) -> None:
    """Divisors of whole numbers are not 0, where torch raises, and powers of them not so large that they overflow."""
    applied = Applied(*dtypes)
    for name in (*PAIRS.rows, *BINARY.rows, *ARITHMETIC):
        applied.try_to_add(name, ARITHMETIC.get(name, {}))
    given = []
    for start, shape in enumerate(SHAPES):
        x, y = edges(dtypes[0], shape, start), edges(dtypes[1], shape[1:], 5 * start + 2)
        if not (x.is_floating_point() or y.is_floating_point()):
            y = torch.where(y == 0, torch.ones((), dtype=y.dtype), y).clamp(max=3).to(y.dtype)
        given.append([x, y])
    require_torchs(applied.graph(), given, tmp_path, profile)


@pytest.mark.parametrize("value", [2, 0.5, -3, 0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_a_value_and_a_number_are_torchs(dtype: str, value: float, tmp_path: Path) -> None:
    applied = Applied(dtype)
    for name in (*BINARY.rows, *ARITHMETIC):
        applied.try_to_add(name, {"value": value, **ARITHMETIC.get(name, {})})
    if not applied.outputs:  # a negative number next to bytes
        return
    given = [[edges(dtype, shape, start)] for start, shape in enumerate(SHAPES)]
    if value == 0.5 and dtype in LOW:  # torch has -infinity ** 0.5 infinite there, and NaN in other types
        given = [[tensor.clamp(min=-300)] for (tensor,) in given]
    require_torchs(applied.graph(), given, tmp_path, "cpu")


@pytest.mark.parametrize("dtypes", [*MIXED, ("float16", "float32"), ("uint8", "float64")], ids="-".join)
def test_what_masks_choose_is_torchs(dtypes: tuple[str, str], tmp_path: Path) -> None:
    applied = Applied(*dtypes)
    x, y = applied.inputs
    mask = applied.build.apply("mask", make(REGISTRY["isfinite"], {}), y).output
    odd = applied.build.apply("odd", make(REGISTRY["gt"], {"value": 1}), x).output
    for name, operation, attributes, values in (
        ("choice", "where", {}, [odd, x, y]),
        ("number", "where", {"value": 3}, [mask, x]),
        ("fraction", "where", {"value": 0.5}, [odd, y]),
        ("filled", "masked_fill", {"value": 1}, [x, odd]),
        ("stretched", "masked_fill", {"value": 0}, [y, odd]),
    ):
        applied.outputs[name] = applied.wide(operation, attributes, values, name)
    given = [[edges(dtypes[0], shape, i), edges(dtypes[1], shape[1:], i)] for i, shape in enumerate(SHAPES)]
    require_torchs(applied.graph(), given, tmp_path, "cpu")


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_filled_or_cast_is_torchs(dtype: str, tmp_path: Path) -> None:
    """At free sizes, in each element type; what torch leaves open, numbers out of range, is left out."""
    applied = Applied(dtype)
    (x,) = applied.inputs
    n, m = symbol("N"), symbol("M")
    for to in DTYPES:
        for name, attributes in (
            ("zeros", {"shape": [n, 3, m + 1]}),
            ("ones", {"shape": [2, 3]}),
            ("full", {"shape": [m, 1], "fill_value": 1}),
        ):
            applied.outputs[f"{name}_{to}"] = applied.wide(name, {**attributes, "dtype": to}, [], f"{name}_{to}")
        applied.outputs[f"like_{to}"] = applied.wide("full_like", {"fill_value": 1, "dtype": to}, [x], f"like_{to}")
        applied.outputs[f"to_{to}"] = applied.wide("to", {"dtype": to}, [x], f"to_{to}")
    for low, high in ((1, 3), (None, 2), (0, None), (0.5, 2), (0.5, None)):
        name = f"clamp_{low}_{high}".replace(".", "_")
        applied.outputs[name] = applied.wide("clamp", {"min": low, "max": high}, [x], name)
    for name, start, end, step in (("up", n, 3 * m + n, 2), ("down", m, -n, -3), ("far", -7, n, 1)):
        applied.outputs[name] = applied.wide("arange", {"start": start, "end": end, "step": step}, [], name)
    applied.outputs["line"] = applied.wide("linspace", {"start": -1.0, "end": 2.0, "steps": n}, [], "line")
    applied.outputs["eye"] = applied.wide("eye", {"n": n, "m": m}, [], "eye")
    given = (
        [[edges(dtype, shape, i).nan_to_num(1, 1, 1).abs().clamp(max=99)] for i, shape in enumerate(SHAPES)]
        if dtype != "bool"
        else [[edges(dtype, (3, 2))]]
    )
    require_torchs(applied.graph(), given, tmp_path, "portable")


def whole_tables() -> Iterator[Applied]:
    """All rows that read float32, with a second value and with a number."""
    alone, paired, numbered = Applied("float32"), Applied("float32", "float32"), Applied("float32")
    for row in (*UNARY.rows.values(), *ACTIVATIONS.rows.values(), *ALONG_DIM.rows.values()):
        if "float32" in row.types.reads and row.name != "acosh":  # of few numbers that a trial draws
            alone.add(row)
    for name in (*PAIRS.rows, *BINARY.rows, *ARITHMETIC):
        paired.try_to_add(name, ARITHMETIC.get(name, {}))
        numbered.try_to_add(name, {"value": 1.5, **ARITHMETIC.get(name, {})})
    yield from (alone, paired, numbered)


@pytest.mark.parametrize("number", range(3))
def test_tables_are_standard_onnx(number: int, tmp_path: Path) -> None:
    """The checker admits the file, and onnx's reference evaluator, without any runtime, gives what torch gives."""
    graph = list(whole_tables())[number].graph()
    export(graph, {}, tmp_path / "it.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "it.onnx"), full_check=True)
    x = edges("float32", (3, 5), 4).nan_to_num(1, 1, 1).clamp(-9, 9)
    tensors = [x, edges("float32", (5,), 5)][: len(graph.inputs)]
    arrays = {value.name: tensor.numpy() for value, tensor in zip(graph.inputs, tensors, strict=True)}
    with np.errstate(all="ignore"):
        found = ReferenceEvaluator(str(tmp_path / "it.onnx")).run(None, arrays)
    expected = ag.to_torch(graph).eval()(*tensors)
    pairs = zip(graph.outputs, found, expected, strict=True)
    wrong = [name for name, ours, torchs in pairs if not near(ours, torchs.numpy(), torch.float32)]
    assert not wrong


@pytest.mark.parametrize("dtype", LOW)
@pytest.mark.parametrize("number", range(3))
def test_tables_in_a_low_type_are_verified(number: int, dtype: str, tmp_path: Path) -> None:
    found = ag.to_onnx(list(whole_tables())[number].graph(), tmp_path / "it.onnx", dtype=dtype)
    assert found.certificate is not None
    assert found.certificate.equal


@pytest.mark.parametrize("kind", sorted(WITHOUT_DOUBLE))
def test_what_is_computed_in_float32_has_no_kernel_for_float64(kind: str) -> None:
    """The smallest file that fails: once it opens, the form can be computed in float64."""
    text = f'<ir_version: 8, opset_import: ["": 18]> g (double[N] x) => (double[N] y) {{ y = {kind} (x) }}'
    with pytest.raises(Exception, match="NOT_IMPLEMENTED"):
        opened(onnx.parser.parse_model(text).SerializeToString())


def test_promotion_is_torchs() -> None:
    """Of every two element types, with and without dimensions, and of a number next to them."""
    kinds = [TensorType(shape, dtype) for shape in ((2,), ()) for dtype in DTYPES]
    numbers: list[Any] = [None, True, 2, 2.5]
    for one in kinds:
        for other in kinds:
            torchs = torch.result_type(
                *(torch.ones(each.shape, dtype=getattr(torch, each.dtype)) for each in (one, other))
            )
            assert f"torch.{result_type((one, other))}" == str(torchs), (one, other)
        for number in numbers[1:]:
            torchs = torch.result_type(torch.ones(one.shape, dtype=getattr(torch, one.dtype)), number)
            assert f"torch.{result_type((one,), number)}" == str(torchs), (one, number)


@pytest.mark.parametrize("name", sorted([*PAIRS.rows, *BINARY.rows, "add", "sub", "mul", "div"]))
def test_element_types_of_two_values_are_torchs(name: str) -> None:
    """What torch refuses is refused, and results have torch's type. Powers of bytes: no runtime has any."""
    for one in DTYPES:
        for other in (*DTYPES, 2, 2.5):
            kinds = [TensorType((2,), each) for each in (one, other) if isinstance(each, str)]
            values = [
                torch.ones(2, dtype=getattr(torch, each)) if isinstance(each, str) else each for each in (one, other)
            ]
            try:
                torchs = str(getattr(torch, name)(*values).dtype)
            except (RuntimeError, TypeError):
                torchs = "refused"
            found = inferred(name, {} if isinstance(other, str) else {"value": other}, kinds)
            assert found == torchs or (name == "pow" and "uint8" in (one, other)), (one, other)


def inferred(name: str, attributes: dict[str, Any], kinds: list[TensorType]) -> str:
    build = Builder("one")
    values = [build.input(f"x{i}", kind.shape, kind.dtype) for i, kind in enumerate(kinds)]
    try:
        return f"torch.{build.apply('it', make(REGISTRY[name], attributes), values).output.dtype}"
    except ArchgraphError:
        return "refused"


@pytest.mark.parametrize("name", sorted(UNARY.rows))
def test_element_types_are_torchs(name: str) -> None:
    """Each type is read or refused as torch does, and the result has torch's type."""
    row = UNARY.rows[name]
    for dtype in DTYPES:
        try:
            made = getattr(torch, name)(torch.ones(2, dtype=getattr(torch, dtype))).dtype
        except (RuntimeError, TypeError):
            assert dtype not in row.types.reads
        else:
            assert f"torch.{row.types.gives(dtype)}" == str(made)
