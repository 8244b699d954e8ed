"""Tables of a constant as one text: what numpy writes is read, and nothing else."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest

import archgraph as ag
from archgraph.errors import ArchgraphError
from archgraph.ops.constant import Constant
from archgraph.ops.constant_tables import table_text


def npy(array: Any, **options: Any) -> str:
    """The text as numpy makes it."""
    file = io.BytesIO()
    np.save(file, array, **options)
    return "npy:" + base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, 2.25, -3.0]], np.float32),
        np.array([[0.1], [0.2]], np.float64),
        np.arange(6).reshape(1, 2, 3),
        np.array([True, False]),
    ],
)
def test_an_array_of_numpy_is_a_value(array: Any) -> None:
    made = Constant(value=npy(array))
    assert np.array_equal(np.array(made.value), array)
    assert made.shape == array.shape
    assert Constant(value=table_text(made.value)) == made


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seven", "'seven' is not a number"),
        ("npy:?", "the text behind npy: must be a file of numpy in base64"),
        ("npy:AAAA", "the text behind npy: must be a file of numpy in base64"),
        (npy(np.zeros(3, np.int8)), "the array behind npy: must hold numbers of float32, float64, int64 or bool"),
        (npy(np.zeros((0, 2))), "the array behind npy: must hold numbers"),
        (npy(np.asfortranarray(np.ones((2, 3)))), "the array behind npy: must hold numbers"),
        (npy(np.array([np.inf])), "inf is not finite"),
    ],
)
def test_any_other_text_is_refused(text: str, message: str) -> None:
    spec = {"archgraph": 1, "name": "n", "nodes": {"c": {"op": "constant", "value": text}}}
    with pytest.raises(ArchgraphError, match=re.escape(message)):
        ag.load(spec)


def test_a_text_that_promises_more_than_it_holds_allocates_nothing() -> None:
    file = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**15,)}
    np.lib.format.write_array_header_1_0(file, header)
    text = "npy:" + base64.b64encode(file.getvalue()).decode()
    with pytest.raises(ValueError, match="must hold numbers"):
        Constant(value=text)
