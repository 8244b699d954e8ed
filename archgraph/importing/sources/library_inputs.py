"""What the networks of transformers and diffusers read, from their forward's signature and their configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from archgraph.importing.sources.input_descriptions import InputDescription, Sizes

_TEXT_WIDTHS = (
    "caption_channels", "encoder_hid_dim", "encoder_hidden_size", "cross_attention_input_dim", "text_embed_dim",
    "text_dim", "joint_attention_dim", "cross_attention_dim",
)  # fmt: skip
"""What diffusers calls the width of the text that a network reads, the width before a projection first."""
_POOLED_WIDTHS = ("pooled_projection_dim", "cond_embed_dim")
_REAL_TIMES = ("Flux", "SD3", "AuraFlow", "Sana", "Mochi", "StableAudio", "Lumina", "HunyuanDiT")
"""Classes whose times are no whole numbers: flow matching trains them, or they compute in the times' element type."""
_PICTURES = {
    "FluxTransformer2DModel": ("N", "L", "in_channels"),
    "LTXVideoTransformer3DModel": ("N", "L", "in_channels"),
    "StableAudioDiTModel": ("N", "in_channels", "L"),
    "PriorTransformer": ("N", "embedding_dim"),
    "UNet1DModel": ("N", "in_channels", "L"),
    "UNet3DConditionModel": ("N", "in_channels", "F", "H", "W"),
    "WanTransformer3DModel": ("N", "in_channels", "F", "H", "W"),
    "MochiTransformer3DModel": ("N", "in_channels", "F", "H", "W"),
}
"""Sizes of the main input where it is no [N, in_channels, H, W]; lower-case names are values of the configuration."""


class Config:
    """The configuration of a network of either library, by name."""

    def __init__(self, module: torch.nn.Module):
        held = getattr(module, "config", None)
        self._values: Mapping[str, Any] = held if isinstance(held, Mapping) else getattr(held, "__dict__", {})
        self._renamed: Mapping[str, str] = getattr(held, "attribute_map", {})

    def get(self, *names: str) -> Any:
        """The first of these that is there and not None; of several numbers the first."""
        found = (self._values.get(self._renamed.get(name, name)) for name in names)
        value = next((value for value in found if value is not None), None)
        return value[0] if isinstance(value, (list, tuple)) and value else value


def library_of(module: torch.nn.Module) -> str:
    """`diffusers` or `transformers`, where the class is a network of theirs; else ''."""
    packages = {f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in type(module).__mro__}
    known = {"diffusers.ModelMixin": "diffusers", "transformers.PreTrainedModel": "transformers"}
    return next((library for name, library in known.items() if name in packages), "")


def library_inputs(module: torch.nn.Module) -> dict[str, InputDescription]:
    """What a network of a known library reads at least; nothing for any other."""
    makers = {"diffusers": _diffusers_inputs, "transformers": _transformers_inputs}
    maker = makers.get(library_of(module))
    return maker(module, Config(module)) if maker is not None else {}


def fixed_arguments(module: torch.nn.Module) -> dict[str, Any]:
    """Arguments that are no tensors: no cache of keys and values, which is no part of what is computed."""
    if library_of(module) == "transformers" and "use_cache" in _parameters(module):
        return {"use_cache": False}
    return {}


def usual_sides(module: torch.nn.Module) -> list[tuple[int, int]]:
    """Heights and widths that a network with a fixed size takes."""
    size = Config(module).get("image_size", "sample_size") if library_of(module) else None
    config: Mapping[str, Any] = getattr(module, "default_cfg", None) or {}
    if config.get("input_size") and config.get("fixed_input_size"):
        return [(config["input_size"][1], config["input_size"][2])]
    return [(size, size)] if isinstance(size, int) else []


def _parameters(module: torch.nn.Module) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(module.forward).parameters


def _transformers_inputs(module: torch.nn.Module, config: Config) -> dict[str, InputDescription]:
    main = getattr(module, "main_input_name", "input_ids")
    names = [main, "decoder_input_ids"] if config.get("is_encoder_decoder") else [main]
    sizes: Mapping[str, InputDescription] = {
        "input_ids": InputDescription(("N", "L"), "int64"),
        "decoder_input_ids": InputDescription(("N", "T"), "int64"),
        "pixel_values": InputDescription(("N", config.get("num_channels") or 3, "H", "W")),
        "input_values": InputDescription(("N", "S")),
    }
    mels, frames = config.get("num_mel_bins"), config.get("max_length")
    if main == "input_values" and mels and frames:
        sizes = {**sizes, main: InputDescription(("N", frames, mels))}
    if main == "input_features" and mels:
        positions = config.get("max_source_positions")
        sizes = {**sizes, main: InputDescription(("N", mels, 2 * positions if positions else "L"))}
    reads = _parameters(module)
    return {name: sizes[name] for name in names if name in sizes and name in reads}


def _diffusers_inputs(module: torch.nn.Module, config: Config) -> dict[str, InputDescription]:
    found: dict[str, InputDescription] = {}
    for name in _parameters(module):
        maker = _DIFFUSERS.get(name)
        made = maker(type(module).__name__, config) if maker is not None else None
        if made is not None:
            found[name] = made
    return found


def _picture(name: str, config: Config) -> InputDescription:
    if name == "CogVideoXTransformer3DModel":
        return _video_of_one_size(config)
    if name == "UNetMotionModel":
        return InputDescription(("N", config.get("in_channels"), _motion_frames(config), "H", "W"))
    sizes: Sizes = _PICTURES.get(name, ("N", "in_channels", "H", "W"))
    return InputDescription(
        tuple(config.get(size) or 3 if isinstance(size, str) and size.islower() else size for size in sizes)
    )


def _video_of_one_size(config: Config) -> InputDescription:
    """The size that a table of positions holds for; with rotary positions any."""
    channels = config.get("in_channels")
    if config.get("use_rotary_positional_embeddings") and not config.get("use_learned_positional_embeddings"):
        return InputDescription(("N", "F", channels, "H", "W"))
    frames = (config.get("sample_frames") - 1) // config.get("temporal_compression_ratio") + 1
    return InputDescription(("N", frames, channels, config.get("sample_height"), config.get("sample_width")))


def _motion_frames(config: Config) -> int:
    """How many frames a motion adapter reads: those that it was trained on, where it takes as many."""
    return min(16, config.get("motion_max_seq_length") or 16)


def _time(name: str, config: Config) -> InputDescription:
    return InputDescription(("N",), "float32" if name.startswith(_REAL_TIMES) else "int64")


def _text(name: str, config: Config) -> InputDescription | None:
    if name == "PriorTransformer":
        width = config.get("clip_embed_dim", "embedding_dim")
        return InputDescription(("N", config.get("num_embeddings"), width))
    width = config.get(*_TEXT_WIDTHS)
    if name == "UNetMotionModel":  # one text for each frame
        return InputDescription((f"{_motion_frames(config)}*N", "T", width))
    length = config.get("max_text_seq_length", "text_len") or "T"
    return InputDescription(("N", length, width)) if width else None


def _text_mask(length: str) -> Callable[[str, Config], InputDescription]:
    return lambda name, config: InputDescription(("N", config.get(length) or "T"), "int64")


def _only(begin: str, *sizes: str | int, dtype: str = "float32") -> Callable[[str, Config], InputDescription | None]:
    """An input that is optional elsewhere, and which classes of this beginning compute nothing without."""
    return lambda name, config: InputDescription(sizes, dtype) if name.startswith(begin) else None


def _second_text(name: str, config: Config) -> InputDescription | None:
    width = config.get("cross_attention_dim_t5")
    return InputDescription(("N", config.get("text_len_t5") or "T", width)) if width else None


def _vector(*widths: str) -> Callable[[str, Config], InputDescription | None]:
    def make(name: str, config: Config) -> InputDescription | None:
        width = config.get(*widths)
        return InputDescription(("N", width)) if width else None

    return make


def _labels(name: str, config: Config) -> InputDescription | None:
    wanted = config.get("num_class_embeds", "num_embeds_ada_norm")
    return InputDescription(("N",), "int64") if wanted else None


def _guidance(name: str, config: Config) -> InputDescription | None:
    return InputDescription(("N",)) if config.get("guidance_embeds") else None


def _condition(name: str, config: Config) -> InputDescription:
    """The picture that steers: of the latents' size, or larger by what the halvings of its embedding take away."""
    if "conditioning_embedding_out_channels" not in config._values:
        return _picture(name, config)
    factor = 2 ** (len(config._values["conditioning_embedding_out_channels"]) - 1)
    channels = config.get("conditioning_channels") or 3
    return InputDescription(("N", channels, f"{factor}*H", f"{factor}*W"))


def _fixed(*sizes: str | int, dtype: str = "float32") -> Callable[[str, Config], InputDescription]:
    return lambda name, config: InputDescription(sizes, dtype)


_DIFFUSERS: Mapping[str, Callable[[str, Config], InputDescription | None]] = {
    "sample": _picture,
    "x": _picture,
    "hidden_states": _picture,
    "input_ids": _fixed("N", "H", "W", dtype="int64"),
    "timestep": _time,
    "encoder_hidden_states": _text,
    "encoder_hidden_states_t5": _second_text,
    "encoder_attention_mask": lambda name, config: (
        InputDescription(("N", "T"), "int64") if name.startswith(("LTX", "Mochi")) else None
    ),
    "text_embedding_mask": _text_mask("text_len"),
    "text_embedding_mask_t5": _text_mask("text_len_t5"),
    "image_meta_size": _only("HunyuanDiT", "N", 6),
    "style": _only("HunyuanDiT", "N", dtype="int64"),
    "video_coords": _only("LTX", "N", 3, "L"),
    "pooled_projections": _vector(*_POOLED_WIDTHS),
    "pooled_text_emb": _vector(*_POOLED_WIDTHS),
    "proj_embedding": _vector("embedding_proj_dim", "embedding_dim"),
    "global_hidden_states": lambda name, config: InputDescription(("N", 1, config.get("global_states_input_dim"))),
    "micro_conds": _fixed("N", 5),
    "class_labels": _labels,
    "guidance": _guidance,
    "controlnet_cond": _condition,
    "img_ids": _fixed("L", 3),
    "txt_ids": _fixed("T", 3),
}
"""The inputs of diffusers by name; None for one that the configuration has no use for."""
