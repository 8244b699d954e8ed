"""What a spec's `meta` may hold where a room reads it: names, and values as fields. Nothing heavy, no language.

    fields      what one value must be, in words and as a test
    papers      papers, reference
    pictures    preprocess, labels
    diffusion   schedules, samplers, predictions and what else says how a network is sampled
    training    tasks, the recipe
    sections    all of them by their keys in `meta`

The language checks a spec against `SECTIONS`; the rooms that read a section take its names and fields from here, and
`implemented` holds their tables against these names. To add a sampler or a schedule: its name here, and the function.
"""

from __future__ import annotations

from archgraph.meta.fields import Each, Field, Section, implemented
from archgraph.meta.sections import SECTIONS

__all__ = ["SECTIONS", "Each", "Field", "Section", "implemented"]
