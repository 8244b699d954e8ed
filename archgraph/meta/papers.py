"""Where a network is published, and whose implementation it has its names and numbers from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archgraph.meta.fields import NAMES, TEXT, Each, Field, Section, whole

EARLIEST = 1943
"""McCulloch and Pitts, A Logical Calculus of the Ideas Immanent in Nervous Activity."""


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("https://") and not any(map(str.isspace, value))


PAPER: Section = {
    "title": TEXT,
    "authors": TEXT,
    "year": whole(EARLIEST),
    "url": Field("an address that starts with https://", _is_address),
    "presets": NAMES,
}
PAPERS = Each(PAPER)


def papers_of(meta: Mapping[str, Any], preset: str | None) -> list[dict[str, Any]]:
    """The papers of a preset: those that name it, else those that name none."""
    found = meta.get("papers")
    papers = [paper for paper in found if isinstance(paper, Mapping)] if isinstance(found, list) else []
    own = [paper for paper in papers if preset in (paper.get("presets") or ())]
    chosen = own or [paper for paper in papers if not paper.get("presets")]
    return [{key: value for key, value in paper.items() if key != "presets"} for paper in chosen]


def citation(paper: Mapping[str, Any]) -> str:
    """A paper on one line: `He et al. 2016, Deep Residual Learning for Image Recognition, https://…`."""
    who = " ".join(str(paper[key]) for key in ("authors", "year") if paper.get(key))
    return ", ".join(filter(None, (who, paper.get("title"), paper.get("url"))))
