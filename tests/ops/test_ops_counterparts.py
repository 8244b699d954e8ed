"""What is said of the names of other libraries: complete over torch.nn, and every recipe is a spec that checks."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
import yaml

from archgraph.language.load import check
from archgraph.ops.contract import REGISTRY, operation_hint
from archgraph.ops.counterparts import Counterpart, counterpart, normalized, table
from archgraph.ops.counterparts.arguments import argument_hint

F = torch.nn.functional


def release(version: str) -> list[int]:
    return [int(number) for number in version.split("+")[0].split(".")]


CONSTRAINTS = (Path(__file__).parents[2] / "constraints.txt").read_text(encoding="utf-8")
PINNED = release(CONSTRAINTS.partition("\ntorch==")[2].partition("\n")[0])
"""The torch that every change is tested with."""
TENSOR_OPERATIONS = """
    cast to float long int bool zeros ones full zeros_like ones_like full_like sin cos where masked_fill eq ne lt le gt
    ge logical_and logical_or logical_not pow square rsqrt reciprocal abs neg sign log log1p log2 expm1 erf floor ceil
    round trunc atan2 stack unbind repeat tile repeat_interleave flip meshgrid outer tril triu one_hot linspace arange
    eye diagonal any all prod max min amin maximum minimum var std norm logsumexp cumsum cumprod gather take_along_dim
    index_select scatter scatter_add index_add argmax argmin topk sort argsort searchsorted bucketize einsum conv3d
    conv_transpose1d conv_transpose3d interpolate pad unfold fold grid_sample affine_grid isnan isfinite nan_to_num
    normalize cosine_similarity cdist pairwise_distance glu mish prelu selu celu softsign hardshrink tanhshrink
    log_softmax logsigmoid softmin weight_norm spectral_norm lstm gru rnn MultiheadAttention TransformerEncoderLayer
    TransformerDecoderLayer scan roi_align nms deform_conv2d fft stft nonzero unique rand randn drop_path
    Conv Gemm BatchNormalization GlobalAveragePool ReduceMean Clip Dense Conv2DTranspose MaxPooling2D LSTM Embed
""".split()  # noqa: SIM905 - a hundred quoted names are no better read


def public(module: object) -> list[str]:
    return [name for name in dir(module) if not name.startswith("_") and callable(getattr(module, name))]


def without_entry(names: Iterable[str]) -> list[str]:
    return [name for name in names if counterpart(name, REGISTRY) is None]


def test_every_class_of_torch_nn_has_an_entry() -> None:
    names = [name for name in public(torch.nn) if inspect.isclass(getattr(torch.nn, name))]
    assert len(names) > 100
    assert without_entry(f"nn.{name}" for name in names) == []


@pytest.mark.skipif(release(torch.__version__) > PINNED, reason="what newer releases add has no entry yet")
def test_every_function_of_torch_has_an_entry() -> None:
    names = [name for name in public(F) if not inspect.isclass(getattr(F, name))]
    assert len(names) > 80
    assert without_entry(f"F.{name}" for name in names) == []


def test_what_models_use_most_has_an_entry() -> None:
    assert without_entry(TENSOR_OPERATIONS) == []


def test_no_entry_hides_an_operation_of_ours() -> None:
    assert not table().keys() & {normalized(name) for name in REGISTRY}


def test_counterparts_exist_with_their_arguments() -> None:
    for name, entry in table().items():
        if entry.operation:
            assert entry.operation in REGISTRY, name
            assert {ours for _, ours in entry.arguments} <= set(REGISTRY[entry.operation].model_fields), name


@pytest.mark.parametrize("name", [name for name, entry in table().items() if entry.recipe])
def test_recipes_check(name: str) -> None:
    entry = table()[name]
    inputs = f"{{x: {entry.shape}, y: {entry.shape}}}" if "y" in words(entry) else f"{{x: {entry.shape}}}"
    spec = yaml.safe_load(f"{{archgraph: 1, name: recipe, inputs: {inputs}, nodes: {{it: {entry.recipe}}}}}")
    (graph,) = check(spec)
    assert graph.outputs


def words(entry: Counterpart) -> list[str]:
    return entry.recipe.replace("[", " ").replace("]", " ").replace(",", " ").replace("}", " ").split()


def computed(name: str, *inputs: torch.Tensor) -> torch.Tensor:
    """What the recipe of a name computes."""
    from archgraph import load, to_torch

    entry = table()[normalized(name)]
    given = {letter: list(value.shape) for letter, value in zip("xy", inputs, strict=False)}
    nodes = {"it": yaml.safe_load(entry.recipe)}
    module = to_torch(load({"archgraph": 1, "name": "recipe", "inputs": given, "nodes": nodes})).double().eval()
    return module(*inputs)  # type: ignore[no-any-return]


IMAGE = torch.linspace(-3, 3, 2 * 4 * 3 * 3, dtype=torch.float64).reshape(2, 4, 3, 3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ReduceL1", IMAGE.abs().sum()),
        ("GlobalAveragePool", IMAGE.mean((2, 3), keepdim=True)),
        ("GlobalMaxPool", F.adaptive_max_pool2d(IMAGE, 1)),
        ("ReflectionPad2d", F.pad(IMAGE, [1, 1, 1, 1], mode="reflect")),
        ("ReplicationPad2d", F.pad(IMAGE, [1, 1, 1, 1], mode="replicate")),
    ],
)
def test_recipes_compute_what_torch_does(name: str, expected: torch.Tensor) -> None:
    torch.testing.assert_close(computed(name, IMAGE), expected)


def test_recipes_of_two_values_compute_what_torch_does() -> None:
    other = IMAGE.flip(0)
    torch.testing.assert_close(computed("average", IMAGE, other), (IMAGE + other) / 2)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("nn.Conv2d", "did you mean 'conv2d'?"),
        ("nn.Conv2d(3, 64, 3)", "did you mean 'conv2d'?"),
        ("nn.ReLU()", "did you mean 'relu'?"),
        ("F.relu", "did you mean 'relu'?"),
        ("torch.cat", "did you mean 'concat'?"),
        ("LazyLinear", "did you mean 'linear'?"),
        ("Dense", "did you mean 'linear'? There 'units' is 'out_features', 'use_bias' is 'bias'"),
        ("drop_path", "did you mean 'stochastic_depth'? There 'drop_prob' is 'p'"),
        ("float", "it is written {op: to, dtype: float32}"),
        ("negative", "did you mean 'neg'?"),
        ("lerp", "there is none yet"),
        ("CrossEntropyLoss", "a network holds no loss: 'archgraph train' takes it from meta.task"),
        ("liner", "did you mean 'linear'?"),
        ("brightness_and_contrast", ""),
    ],
)
def test_what_is_said_of_a_name(name: str, hint: str) -> None:
    assert operation_hint(name, REGISTRY) == hint


@pytest.mark.parametrize(
    ("operation", "name", "hint"),
    [
        ("softmax", "axis", "did you mean 'dim'?"),
        ("mean", "dims", "did you mean 'dim'?"),
        ("mean", "keepdims", "did you mean 'keepdim'?"),
        ("permute", "dim", "did you mean 'dims'?"),
        ("dropout", "rate", "did you mean 'p'?"),
        ("conv2d", "filters", "did you mean 'out_channels'?"),
        ("linear", "units", "did you mean 'out_features'?"),
        ("linear", "hidden_size", "did you mean 'out_features'?"),
        ("conv2d", "dilation_rate", "did you mean 'dilation'?"),
        ("conv_transpose2d", "padding_mode", "put {op: pad, pad: [1, 1, 1, 1], mode: reflect} before it"),
        (
            "relu",
            "inplace",
            "leave it out: to_torch(inplace=True) and code --inplace overwrite what nothing else needs",
        ),
        ("relu", "colour", ""),
    ],
)
def test_what_is_said_of_an_argument(operation: str, name: str, hint: str) -> None:
    assert argument_hint(name, REGISTRY[operation].model_fields) == hint
