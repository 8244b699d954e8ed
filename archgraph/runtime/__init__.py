"""Running what archgraph exported: sessions on ONNX Runtime, images, diffusion sampling.

Needs neither torch nor the compiler.

    metadata, sizes      what a file says of itself
    devices, providers   the device that was asked for, or the reason why not
    gpu, gpulibraries    CUDA and TensorRT: strict, and complete before the first run
    placement            which nodes run where
    optimised            files kept on disk as ONNX Runtime has optimised them
    cachefolder, fingerprints, processor   where they are kept; what they depend on
    filefaults, options, nativelog         ONNX Runtime's messages, options and output
    arrays, binding      checking inputs; buffers
    batchsplit           a batch in parts, one for each core
    timebranch           what depends on times alone, where export split it off: once for all steps
    session              all of that in one class
    imagefiles           opening picture files: named formats only, every kind of pixel as 8-bit RGB
    images, arrayfiles   pictures and arrays in and out (writing: whole or not at all)
    fitting              a picture as the one input of a network
    classify             logits → labels
    betas, schedules     the noise at each time, and the algebra of x_0, ε, v and x_t (predictions)
    levels, tables       the noise levels of a run; what a table of coefficients is made of
    samplers             a schedule → a table; to add a sampler, add a function
    denoisers, guidance  a file as a function; class labels
    starting             noise, pictures to start from, masks
    process, sampling    the loop that applies any table; all of that in one function
    records              what a picture says of how it was made

ONNX Runtime and Pillow are imported when first used.
"""

from __future__ import annotations

from .arrayfiles import load_arrays, save_arrays
from .classify import Prediction, labels_of, top_k
from .devices import available_devices
from .imagefiles import load_image
from .images import grid, preprocess, save_gif, save_png, to_image, to_model_range, to_pixels
from .placement import Placement
from .records import SamplingRecord, read_record, sampling_record
from .samplers import SAMPLERS, named_sampler
from .sampling import initial_noise, sample
from .schedules import Schedule
from .session import Session
from .starting import slerp

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
