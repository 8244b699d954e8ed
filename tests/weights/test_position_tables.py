"""Position tables are resized as torchvision, timm and transformers resize theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import references
import torch
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.numpy import save_file

from archgraph.artifact.arrays import Array
from archgraph.errors import WeightsError
from archgraph.weights.element_types import numpy_type
from archgraph.weights.fitting import fitted
from archgraph.weights.position_tables import (
    TIMM,
    TORCHVISION,
    TRANSFORMERS,
    Method,
    method_for,
    resize_absolute,
    resize_relative,
    resized,
    resized_table,
)
from archgraph.weights.requests import WeightsRequest
from archgraph.weights.targets import WeightsTarget
from archgraph.weights.tensors import of_array
from archgraph.weights.wanted import WantedWeight


def assert_equal_but_for_rounding(found: Array, expected: Array, atol: float = 1e-5) -> None:
    """Rounding of float32: in places up to 24, and in sums of 16 products of up to about 3."""
    assert_allclose(found, expected, rtol=0, atol=atol)


pytestmark = [
    pytest.mark.filterwarnings("ignore:Using a non-tuple sequence:UserWarning"),
    pytest.mark.filterwarnings("ignore:torch.searchsorted:UserWarning"),
]
"""What torch says of timm's code."""


def table(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("old", "new"), [(4, 7), (14, 24), (9, 5), (6, 1), (1, 3), (5, 5)])
def test_as_torchvision(old: int, new: int) -> None:
    given = table(1, old * old + 1, 6)
    state = {"encoder.pos_embedding": torch.from_numpy(given)}
    interpolate = references.torchvision().models.vision_transformer.interpolate_embeddings
    expected = interpolate(image_size=16 * new, patch_size=16, model_state=state)["encoder.pos_embedding"].numpy()
    assert_equal_but_for_rounding(resize_absolute(given, (new, new), method=TORCHVISION), expected)
    assert_equal_but_for_rounding(resized_table("encoder.pos_embedding", given, expected.shape), expected)


@pytest.mark.parametrize("prefix", [0, 1, 5])
@pytest.mark.parametrize(("old", "new"), [((4, 4), (7, 7)), ((14, 14), (9, 24)), ((9, 6), (3, 5)), ((5, 5), (1, 1))])
def test_as_timm(old: tuple[int, int], new: tuple[int, int], prefix: int) -> None:
    given = table(1, old[0] * old[1] + prefix, 6)
    expected = (
        references.timm()
        .layers.resample_abs_pos_embed(
            torch.from_numpy(given), new_size=list(new), old_size=list(old), num_prefix_tokens=prefix
        )
        .numpy()
    )
    found = resize_absolute(given, new, prefix=prefix, old_size=old, method=TIMM)
    assert_equal_but_for_rounding(found, expected)
    assert_array_equal(found[:, :prefix], given[:, :prefix])


def test_a_map_of_four_dimensions_as_timm() -> None:
    given = table(1, 7, 5, 6)
    expected = references.timm().layers.pos_embed.resample_abs_pos_embed_nhwc(torch.from_numpy(given), [4, 9]).numpy()
    assert_equal_but_for_rounding(resized_table("pos_embed", given, (1, 4, 9, 6)), expected)
    channels_first = np.moveaxis(given, -1, 1)
    found = resized_table("pos_embed", channels_first, (1, 6, 4, 9))
    assert_equal_but_for_rounding(np.moveaxis(found, 1, -1), expected)


def clip_embeddings(side: int) -> Any:
    """transformers' embeddings of CLIP's vision model, of width 8 and with a grid of `side` x `side`."""
    transformers = references.transformers()
    config = transformers.CLIPVisionConfig(hidden_size=8, num_attention_heads=1, image_size=4 * side, patch_size=4)
    return transformers.models.clip.modeling_clip.CLIPVisionEmbeddings(config)


@pytest.mark.slow
def test_as_transformers_resizes_clip() -> None:
    embeddings = clip_embeddings(7)
    given = embeddings.position_embedding.weight.detach().numpy()
    expected = embeddings.interpolate_pos_encoding(torch.zeros(1, 145, 8), 48, 48).detach().numpy()
    found = resized_table("vision_model.embeddings.position_embedding.weight", given, expected.shape[1:])
    assert_equal_but_for_rounding(found, expected[0])


@pytest.mark.parametrize(("old", "new"), [(7, 12), (9, 4)])
def test_transformers_way_is_torchs_bicubic(old: int, new: int) -> None:
    given = table(old * old + 1, 8)
    grid = torch.from_numpy(given[1:]).reshape(1, old, old, 8).permute(0, 3, 1, 2)
    expected = torch.nn.functional.interpolate(grid, size=(new, new), mode="bicubic", align_corners=False)
    found = resized_table("embeddings.position_embedding.weight", given, (new * new + 1, 8))
    assert_equal_but_for_rounding(found[1:], expected[0].flatten(1).T.numpy())
    assert_array_equal(found[0], given[0])


def test_low_precision_is_computed_in_more() -> None:
    given = table(1, 17, 6).astype(np.float16)
    found = resize_absolute(given, (6, 6), method=TIMM)
    assert found.dtype == np.float16
    resample = references.timm().layers.resample_abs_pos_embed
    expected = resample(torch.from_numpy(given), new_size=[6, 6]).numpy()
    assert_allclose(found, expected, rtol=2e-3, atol=1e-6)


def test_a_table_of_a_file_is_read_late_and_keeps_its_type() -> None:
    given = table(1, 17, 6).astype(numpy_type("bfloat16"))
    reads: list[int] = []

    def read(values: Array) -> Array:
        reads.append(1)
        return values

    lazy = of_array(given).mapped(given.shape, read)
    found = resized("pos_embed", lazy, (1, 37, 6))
    assert (found.dtype, found.shape, reads) == ("bfloat16", (1, 37, 6), [])
    as_torch = torch.from_numpy(given.astype(np.float32)).bfloat16()
    expected = references.timm().layers.resample_abs_pos_embed(as_torch, new_size=[6, 6]).float().numpy()
    assert_allclose(found.read().astype(np.float32), expected, rtol=2**-7, atol=1e-6)
    with pytest.raises(WeightsError):
        resized("pos_embed", lazy, (1, 38, 6))
    assert reads == [1]


@pytest.mark.parametrize("extra", [0, 3])
@pytest.mark.parametrize(("old", "new"), [(7, 12), (8, 5), (12, 8), (7, 7)])
def test_relative_positions_as_timm(old: int, new: int, extra: int) -> None:
    given = table((2 * old - 1) ** 2 + extra, 3)
    shape = ((2 * new - 1) ** 2 + extra, 3)
    resize = references.timm().layers.resize_rel_pos_bias_table
    expected = resize(torch.from_numpy(given), new_window_size=(new, new), new_bias_shape=shape).numpy()
    assert_equal_but_for_rounding(resize_relative(given, (new, new), extra=extra), expected, 2e-5)
    assert_equal_but_for_rounding(resized_table("a.relative_position_bias_table", given, shape), expected, 2e-5)


def test_relative_positions_of_a_window_that_is_no_square() -> None:
    given = table(7 * 11, 3)
    resize = references.timm().layers.resize_rel_pos_bias_table
    expected = resize(torch.from_numpy(given), (6, 5), (11 * 9, 3), old_window_size=(4, 6)).numpy()
    assert_equal_but_for_rounding(resize_relative(given, (6, 5), old_window=(4, 6)), expected, 2e-5)


def test_relative_positions_with_heads_first_as_timm() -> None:
    given = table(3, 13, 13)
    resize = references.timm().layers.resize_rel_pos_bias_table
    expected = resize(torch.from_numpy(given), (10, 10), (3, 19, 19)).numpy()
    assert_equal_but_for_rounding(resized_table("rel_pos_bias", given, (3, 19, 19)), expected, 2e-5)


def test_the_name_chooses_the_method() -> None:
    assert method_for("encoder.pos_embedding") is TORCHVISION
    assert method_for("pos_embed") is TIMM
    assert method_for("embeddings.position_embedding.weight") is TRANSFORMERS


def test_a_table_that_fits_is_handed_back() -> None:
    given = table(1, 17, 6)
    assert resized_table("pos_embed", given, given.shape) is given


@pytest.mark.parametrize(
    ("key", "have", "want", "said"),
    [
        ("pos_embed", (1, 190, 4), (1, 197, 4), "190 and 197 positions"),
        ("pos_embed", (1, 197, 4), (1, 577, 8), "only the number of positions may differ"),
        ("pos_embed", (2, 197, 4), (2, 577, 4), "no table of positions"),
        ("wpe.weight", (1024, 4), (2000, 4), "1024 and 2000 positions"),
        ("a.relative_position_bias_table", (170, 4), (225, 4), "170 and 225 relative positions"),
        ("a.relative_position_bias_table", (169, 4), (225, 8), "only the number of relative positions"),
        ("pos_embed", (1, 7, 7, 4), (1, 9, 9, 8), "as many channels"),
    ],
)
def test_what_cannot_be_resized(key: str, have: tuple[int, ...], want: tuple[int, ...], said: str) -> None:
    with pytest.raises(WeightsError) as caught:
        resized_table(key, table(*have), want)
    assert said in str(caught.value)
    assert key in str(caught.value)


def test_no_square_names_the_tokens_before_the_grid() -> None:
    with pytest.raises(WeightsError, match="198 positions with one token before the grid"):
        resize_absolute(table(1, 198, 4), (5, 5))


@pytest.mark.parametrize(
    ("asked", "method", "said"),
    [
        ("pos_embed", TIMM, "timm does it (bicubic, antialiased)"),
        ("pos_embed:torchvision", TORCHVISION, "torchvision does it (bicubic, corners on corners)"),
        ("pos*:transformers", TRANSFORMERS, "transformers does it (bicubic)"),
    ],
)
def test_the_method_that_is_asked_for(asked: str, method: Method, said: str, tmp_path: Path) -> None:
    """The same file resized in three ways; the report says which."""
    given = table(1, 50, 6)
    save_file({"pos_embed": given}, tmp_path / "w.safetensors")
    target = WeightsTarget("net", {"pos_embed": WantedWeight((1, 26, 6), "float32")})
    found = fitted(target, WeightsRequest(tmp_path / "w.safetensors", resize=asked))
    assert_array_equal(found.tensors["pos_embed"].read(), resize_absolute(given, (5, 5), method=method))
    assert f"resized   1: pos_embed [1, 50, 6] → [1, 26, 6] as {said}" in found.report.lines()
    assert found.report.to_json()["resize_methods"] == {"pos_embed": said}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("pos_embed:tim", r"--resize: there is no method 'tim'[\s\S]*did you mean 'timm'"),
        ("pos_embd:timm", "--resize pos_embd: net has no weights there"),
        ("a.rel_pos_bias:torchvision", r"resizes no relative positions[\s\S]*--resize a.rel_pos_bias:timm"),
    ],
)
def test_a_method_that_there_is_not(asked: str, said: str, tmp_path: Path) -> None:
    save_file({"pos_embed": table(1, 26, 6), "a.rel_pos_bias": table(9, 2)}, tmp_path / "w.safetensors")
    wanted = {"pos_embed": WantedWeight((1, 26, 6), "float32"), "a.rel_pos_bias": WantedWeight((9, 2), "float32")}
    with pytest.raises(WeightsError, match=said):
        fitted(WeightsTarget("net", wanted), WeightsRequest(tmp_path / "w.safetensors", resize=asked))
