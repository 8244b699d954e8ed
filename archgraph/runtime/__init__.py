"""Running what archgraph exported: sessions on ONNX Runtime, arrays and images.

Needs neither torch nor the compiler. Diffusion sampling is in `archgraph.diffusion`.

    devices, providers   the device that was asked for, or the reason why not
    gpu, gpu_libraries   CUDA and TensorRT: strict, and complete before the first run
    placement            which nodes run where
    optimized_models     files kept on disk as ONNX Runtime has optimised them
    cache_folder, fingerprints, processor        where they are kept; what they depend on
    file_errors, session_options, native_log     ONNX Runtime's messages, options and output
    arrays, binding      checking inputs; buffers
    batch_split          a batch in parts, one for each core
    time_branch          what depends on times alone, where export split it off: once for all steps
    session              all of that in one class
    image_files          opening picture files: named formats only, every kind of pixel as 8-bit RGB
    images, array_files  pictures and arrays in and out
    preprocessing        a picture as the one input of a network
    classify             logits → labels

ONNX Runtime and Pillow are imported when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from archgraph.runtime.array_files import load_arrays, save_arrays
from archgraph.runtime.classify import Prediction, labels_of, top_k
from archgraph.runtime.devices import available_devices
from archgraph.runtime.image_files import load_image
from archgraph.runtime.images import grid, preprocess, save_gif, save_png, to_image, to_model_range, to_pixels
from archgraph.runtime.placement import Placement
from archgraph.runtime.session import Session

if TYPE_CHECKING:
    from archgraph.diffusion import (
        SAMPLERS,
        SamplingRecord,
        Schedule,
        initial_noise,
        named_sampler,
        read_record,
        sample,
        sampling_record,
        slerp,
    )

__all__ = [
    "SAMPLERS",
    "Placement",
    "Prediction",
    "SamplingRecord",
    "Schedule",
    "Session",
    "available_devices",
    "grid",
    "initial_noise",
    "labels_of",
    "load_arrays",
    "load_image",
    "named_sampler",
    "preprocess",
    "read_record",
    "sample",
    "sampling_record",
    "save_arrays",
    "save_gif",
    "save_png",
    "slerp",
    "to_image",
    "to_model_range",
    "to_pixels",
    "top_k",
]


def __getattr__(name: str) -> Any:
    """Names that have moved to `archgraph.diffusion` are still found here, for published scripts."""
    if name in __all__:
        return getattr(importlib.import_module("archgraph.diffusion"), name)
    raise AttributeError(f"module 'archgraph.runtime' has no attribute '{name}'")
