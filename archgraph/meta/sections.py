"""The keys of `meta` that somebody reads. Any other travels along unread."""

from __future__ import annotations

from archgraph.meta.diffusion import DIFFUSION
from archgraph.meta.fields import NAMES, PATHS, SWITCH, TEXT, WEIGHTS, Section, one_of
from archgraph.meta.papers import PAPERS
from archgraph.meta.pictures import PREPROCESS
from archgraph.meta.training import TASKS, TRAIN

SECTIONS: Section = {
    "papers": PAPERS,
    "reference": TEXT,
    "size": {},
    "preprocess": PREPROCESS,
    "labels": NAMES,
    "diffusion": DIFFUSION,
    "task": one_of(*TASKS),
    "train": TRAIN,
    "weights": WEIGHTS,
    "export": {"float32": PATHS},
    "self_contained": SWITCH,
}
"""What each may hold; the keys of `size` are the symbols of the network."""
