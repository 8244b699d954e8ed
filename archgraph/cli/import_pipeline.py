"""`archgraph import FOLDER` of a pipeline: a spec and a file of weights for each of its networks."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.cli.module_source import imported, module_options
from archgraph.cli.output import Stopwatch, echo, print_json
from archgraph.cli.output_paths import EXPORTS, require_folder
from archgraph.errors import ArchgraphError, SpecError, combined

if TYPE_CHECKING:
    from archgraph.importing.pipelines import SavedPipeline

_OF_ONE = ("--input", "--config")


def write_pipeline(folder: Path, output: Path | None, of_one: Mapping[str, Any], *, verify: bool, json: bool) -> None:
    """Imports each network of a pipeline into a folder. `of_one` are options that describe one network, with their
    values.

    A network that is refused is told, and the others are written. Raises ImportingError, SpecError, InputError.
    """
    options = {**of_one, **module_options().given}
    given = next((name for name in (*of_one, *_OF_ONE) if options.get(name)), "")
    if given or (output is not None and output.suffix):
        raise SpecError(
            f"{given or output} is for one network, and {folder} holds a pipeline of several",
            expected="-o FOLDER",
            hint=f"one of its networks is a folder of its own: archgraph import {folder}/NAME",
        )
    from archgraph.importing.pipelines import saved_pipeline

    target = output if output is not None else EXPORTS / folder.resolve().name
    require_folder(target)
    pipeline = saved_pipeline(folder)
    told, failed = {}, {}
    for name in pipeline.networks:
        try:
            told[name] = _write_network(pipeline, name, target, verify, json)
        except ArchgraphError as error:
            failed[name] = error
            echo(f"refused {name}", file=sys.stderr)
    if json:
        print_json({"folder": str(target), "networks": told, "left": dict(pipeline.others)})
    else:
        for name, reason in pipeline.others.items():
            echo(f"left    {name}: {reason}")
    if failed:
        raise combined(failed.values())


def _write_network(pipeline: SavedPipeline, name: str, target: Path, verify: bool, json: bool) -> dict[str, Any]:
    """The files of one network, and what is told of it."""
    from archgraph.graph.spec_text import spec_text
    from archgraph.importing.pipelines import with_diffusion
    from archgraph.importing.publication import publish
    from archgraph.importing.reports import report, report_lines

    watch = Stopwatch()
    path, weights = target / f"{name}.yaml", target / f"{name}.safetensors"
    found = imported(str(pipeline.networks[name]), verify=verify)
    if name == pipeline.sampled and pipeline.diffusion is not None:
        found = with_diffusion(found, pipeline.diffusion)
    text = spec_text(found.spec)
    publish(found, path, text, weights)
    if not json:
        echo(watch.wrote(path, f"{len(found.graph.nodes)} operations in {text.count(chr(10))} lines"))
        echo(watch.wrote(weights))
        for line in report_lines(found):
            echo(line)
    return {"file": str(path), "weights": str(weights), **report(found)}
