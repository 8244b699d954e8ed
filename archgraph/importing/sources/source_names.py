"""How a module of PyTorch is named in text: `timm:resnet18`, `package.module:factory`. Light: it loads no framework."""

from __future__ import annotations

import re
from pathlib import Path

from archgraph.importing.sources.saved_folders import is_saved

FORMS = (
    "torchvision:NAME, timm:NAME, diffusers:CLASS, transformers:CLASS, package.module:FACTORY, "
    "or a folder that save_pretrained wrote"
)
_SOURCE = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.\-/]*)\Z")


def source_parts(text: str) -> tuple[str, str] | None:
    """The library and what it calls the network; None for a text that names no module."""
    match = _SOURCE.match(text)
    return (match[1], match[2]) if match is not None else None


def preset_and_source(text: str) -> tuple[str, str]:
    """`NAME=SOURCE` as the name of a preset and its source; the name is '' where the text is a source alone."""
    name, equals, source = text.partition("=")
    return (name, source) if equals else ("", text)


def names_module(text: str) -> bool:
    """Whether an argument names a module of Python, as `timm:resnet18` does, or a folder that holds one."""
    return (source_parts(text) is not None and not Path(text).exists()) or is_saved(text)
