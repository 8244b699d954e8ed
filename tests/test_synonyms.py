"""The field's other names for archgraph's choices: each leads to one that exists, and means the same in torch."""

from __future__ import annotations

import pytest
import torch

from archgraph.errors import ExportError, TrainingError, nearest
from archgraph.export.lowering.precision import DTYPES as FILE_DTYPES
from archgraph.export.lowering.precision import require_known
from archgraph.language.load import load
from archgraph.language.schema.value_types import DTYPES as INPUT_DTYPES
from archgraph.meta import diffusion, training
from archgraph.runtime.providers import DEVICES
from archgraph.synonyms import SYNONYMS
from archgraph.training.hardware import PRECISIONS, Machine

CHOICES = (
    *(FILE_DTYPES, INPUT_DTYPES, PRECISIONS, DEVICES, training.TASKS, ("float64",)),
    *(diffusion.PREDICTIONS, diffusion.VARIANCES, diffusion.SCHEDULES, diffusion.SPACINGS, diffusion.SAMPLERS),
)


def test_every_synonym_leads_to_a_choice_that_exists() -> None:
    known = {name for names in CHOICES for name in names}
    assert {name for names in SYNONYMS.values() for name in names} <= known


@pytest.mark.parametrize("name", ["half", "float", "double", "bfloat16", "long"])
def test_types_mean_what_they_mean_in_torch(name: str) -> None:
    meant = getattr(torch, SYNONYMS[name][0])
    assert meant is getattr(torch, name)


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("fp16", FILE_DTYPES, "float16"),
        ("torch.half", FILE_DTYPES, "float16"),
        ("noise", diffusion.PREDICTIONS, "epsilon"),
        ("v_prediction", diffusion.PREDICTIONS, "velocity"),
        ("squaredcos_cap_v2", diffusion.SCHEDULES, "cosine"),
        ("DPM++_2M", diffusion.SAMPLERS, "dpmpp_2m"),
        ("gpu", ("auto", "cpu", "cuda"), "cuda"),
    ],
)
def test_a_hint_names_what_means_the_same(name: str, known: tuple[str, ...], meant: str) -> None:
    assert nearest(name, known) == f"did you mean '{meant}'?"


def test_a_synonym_is_no_hint_where_its_meaning_is_no_choice() -> None:
    assert nearest("noise", ("conv", "relu")) == ""


@pytest.mark.parametrize("name", ["fp16", "half", "16"])
def test_precisions_of_training_have_the_same_hints(name: str) -> None:
    with pytest.raises(TrainingError, match="did you mean '16-mixed'"):
        Machine(precision=name)


def test_an_element_type_of_the_export_and_int8() -> None:
    with pytest.raises(ExportError, match="did you mean 'float16'"):
        require_known("fp16")
    with pytest.raises(ExportError, match="int8 is asked for by --quantize"):
        require_known("int8")


def test_a_prediction_in_meta() -> None:
    meta = {"task": "diffusion", "diffusion": {"prediction": "noise"}}
    nodes = {"a": {"op": "conv2d", "out_channels": 3, "kernel_size": 1}}
    spec = {"archgraph": 1, "name": "net", "inputs": {"x": ["N", 3, 8, 8]}, "nodes": nodes, "meta": meta}
    assert "did you mean 'epsilon'?" in [problem.hint for problem in load(spec).warnings]
