"""Diffusion sampling: noise schedules, samplers, guidance, the denoising loop, and records of how a picture was made.

    betas, schedules     the noise at each time, and the algebra of x_0, ε, v and x_t (predictions)
    noise_levels, coefficients   the noise levels of a run; what a table of coefficients is made of
    samplers, level_samplers, exponential_samplers   a schedule → a table; to add a sampler, add a function
    denoisers, guidance  a file as a function; class labels
    initial_samples      noise, pictures to start from, masks
    denoising_loop, sampling   the loop that applies any table; all of that in one function
    records              what a picture says of how it was made

Needs numpy and the runtime, and neither torch nor the compiler.
"""

from __future__ import annotations

from archgraph.diffusion.initial_samples import slerp
from archgraph.diffusion.records import SamplingRecord, read_record, sampling_record
from archgraph.diffusion.samplers import SAMPLERS, named_sampler
from archgraph.diffusion.sampling import initial_noise, sample
from archgraph.diffusion.schedules import Schedule

__all__ = [
    "SAMPLERS",
    "SamplingRecord",
    "Schedule",
    "initial_noise",
    "named_sampler",
    "read_record",
    "sample",
    "sampling_record",
    "slerp",
]
