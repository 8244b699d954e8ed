"""What older releases of the packages below archgraph do otherwise: tests that are known to fail there, and why.

With the pinned releases none of these is looked at. docs/dependencies.md tells what of it a user may meet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

import pytest

Release = tuple[int, ...]

KERNELS = "it has no kernels for cosines in float64 and for triangles of int32 and uint8"
NAN = "its error function of what is no number is 1 or -1"
NORMS = "its layer norm is off by more where numbers are nearly equal, and not 0 where they are equal"
FUSED = "it fuses a transposition and a product in float64, for which it has no kernel"
BYTES = "it has no kernel for a maximum of bytes"
WHOLE = "it adds up int64 as such, and not in float64"
POSITIONS = "a count that is handed out and read as indices is optimised away"
DRIVER = "its CUDA provider ends the process where there is no driver"
RECURRENT = "the reference implementation has no recurrent layers in two directions, nor all results of one"
SORTED = "the reference implementation has no unsorted TopK"

TABLES, EDGES, NORMED = (
    "verify/test_operation_tables.py",
    "verify/test_operations_at_edges.py",
    "verify/test_verify_norms.py",
)
ONNXRUNTIME: tuple[tuple[Release, str, str], ...] = (
    ((1, 24), BYTES, rf"{TABLES}::test_functions_of_two_values_are_torchs\[portable-uint8-uint8\]"),
    ((1, 24), BYTES, rf"{TABLES}::test_what_is_filled_or_cast_is_torchs\[uint8\]"),
    ((1, 26), FUSED, r"verify/test_algebra.py::test_products_are_torchs\[float64\]"),
    ((1, 26), FUSED, rf"{EDGES}::test_grids_are_computed_in_float64"),
    ((1, 27), NAN, rf"{TABLES}::test_functions_of_each_element_are_torchs\[(portable|cpu|cuda)-b?float(16|32)\]"),
    ((1, 27), WHOLE, rf"{EDGES}::test_large_whole_numbers_are_rounded_by_the_runtime\[y = Reduce"),
    ((1, 30), NORMS, rf"{NORMED}::test_a_norm_of_nearly_constant_numbers_is_verified\[level-layer norm\]"),
    ((1, 30), NORMS, rf"{NORMED}::test_a_kernel_that_rounds_the_rest_of_a_vector_otherwise_is_verified\[elu\]"),
    ((1, 30), NORMS, rf"{NORMED}::test_a_fault_at_such_a_norm_is_found\[layer norm"),
    ((1, 30), NORMS, r"verify/test_verify_rounding_alone.py::test_a_(layer_norm_of_nearly|norm_of_equal)"),
    ((1, 30), NORMS, r"export/test_export_operations.py::test_random_applications_compute.*\[layer_norm\]"),
    ((1, 30), NORMS, r"export/test_export_guards.py::test_sizes_between_transposes\[reshape\]"),
    ((1, 29), KERNELS, rf"{TABLES}::test_functions_of_each_element_are_torchs\[portable-float64\]"),
    ((1, 29), KERNELS, rf"{EDGES}::test_types_without_kernels_are_computed_in_float32\[float64\]"),
    ((1, 29), KERNELS, r"verify/test_rearranging.py::test_what_is_rearranged_is_torchs\[(uint8|int32)\]"),
    ((1, 30), POSITIONS, r"verify/test_verify_localization.py::test_the_node_is_named\[table\]"),
)
"""Before which release, why, and which tests."""
ENDS = ((1, 24), DRIVER, r"runtime/test_runtime_(devices.py::test_(what_the_loader|auto_where)|no_gpu.py::.*libraries)")
EXAMPLES = r"export/test_export_operations.py::test_examples_compute_what_torch_computes"
ONNX: tuple[tuple[Release, str, str], ...] = (
    ((1, 23), RECURRENT, rf"{EXAMPLES}\[(gru|lstm)-"),
    ((1, 23), SORTED, rf"{EXAMPLES}\[topk-1\]"),
)


def installed(*names: str) -> Release | None:
    """The release of the first of these packages that is there."""
    for name in names:
        try:
            return tuple(int(part) for part in re.findall(r"\d+", version(name))[:2])
        except PackageNotFoundError:
            continue
    return None


def expected_failures(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, str, bool]]:
    """The tests that fail with what is installed, why, and whether they can be run at all."""
    runtime, onnx = installed("onnxruntime-gpu", "onnxruntime"), installed("onnx")
    yield from ((item, reason, True) for item, reason in _among(items, runtime, ONNXRUNTIME))
    yield from ((item, reason, False) for item, reason in _among(items, runtime, (ENDS,)))
    yield from ((item, reason, True) for item, reason in _among(items, onnx, ONNX))


def _among(
    items: Sequence[pytest.Item], release: Release | None, known: Iterable[tuple[Release, str, str]]
) -> Iterator[tuple[pytest.Item, str]]:
    older = [(reason, re.compile(f"tests/{tests}")) for before, reason, tests in known if release and release < before]
    for reason, tests in older:
        yield from ((item, reason) for item in items if tests.match(item.nodeid))
