"""Imports the networks of torchvision, timm, transformers and diffusers: a Markdown table of which came out equal.

    python tests/benchmark/import_coverage.py [timm:resnet torchvision: …] [--results imports.jsonl] [--workers 16]

Each network has a process of its own, with a limit of CPU seconds and of memory. Results are kept as JSON lines, and a
network whose result is there is not tried again, so that a run can be interrupted; `--again` tries those that failed.
Networks of more than `--most-parameters` are built without memory: for them keys and shapes are compared, not numbers.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import surveys
import torch
from import_networks import Network
from isolated_runs import FAILED, Result

from archgraph.errors import ArchgraphError
from archgraph.graph import weights
from archgraph.importing.api import import_module
from archgraph.importing.proof.parity import prove

EQUAL, KEYS = "equal", "keys equal"
_COLUMNS = ("network", "operations", "lines", "torch.export, s", "import, s", "result")


def imported(most_parameters: int, folder: Path | None, network: Network) -> Result:
    """One import in this process: sizes, CPU seconds, and whether it is equal, or why not."""
    result: Result = {}
    torch.manual_seed(0)
    count = surveys.parameters_of(network)
    large = count > most_parameters
    exporting = surveys.Timed(torch.export.export)
    torch.export.export = exporting  # type: ignore[assignment]
    start = time.process_time()
    try:
        made = _on_first_device(network, ("meta", "cpu") if large else ("cpu",))
        result |= {"parameters": count, "import": time.process_time() - start - exporting.seconds}
        text = made.graph.spec()
        result |= {"operations": len(made.graph.nodes), "lines": text.count("\n")}
        if folder is not None:
            (folder / f"{network.name}.yaml").write_text(text, encoding="utf-8")
        result["result"] = _compared(made, large)
    except ArchgraphError as error:
        result["result"] = surveys.first_problem(error)
    except Exception as error:
        result["result"] = f"{type(error).__name__}: {error}"[:300]
        if os.environ.get("TRACE"):
            raise
    result["export"] = exporting.seconds
    return result


def _on_first_device(network: Any, devices: Sequence[str]) -> Any:
    """The import of a module that is made without memory, or with it where its constructor reads numbers of tensors."""
    *others, last = devices
    for device in others:
        with contextlib.suppress(ArchgraphError), torch.device(device):
            return import_module(network.source, network.inputs, verify=False)
    with torch.device(last):
        return import_module(network.source, network.inputs, verify=False)


def _compared(made: Any, large: bool) -> str:
    if not large:
        prove(made.graph, made.module, None, made.training, made.tables, made.arguments)
        return EQUAL
    ours = [(item.key, tuple(item.weight.shape)) for item in weights(made.graph)]
    theirs = [(key, tuple(tensor.shape)) for key, tensor in made.module.state_dict().items()]
    return KEYS if ours == theirs else "keys or shapes differ"


def _outcome(result: Mapping[str, Any]) -> str:
    return str(result.get("result") or result.get(FAILED))


def table(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A Markdown table, and how many are equal of each library."""
    rows = []
    for one in results:
        seconds = [f"{one[name]:.1f}" if name in one else "" for name in ("export", "import")]
        rows.append([one["network"], one.get("operations", ""), one.get("lines", ""), *seconds, _outcome(one)])
    yield surveys.markdown(_COLUMNS, rows)
    yield ""
    for library in dict.fromkeys(one["network"].partition(":")[0] for one in results):
        outcomes = [_outcome(one) for one in results if one["network"].startswith(f"{library}:")]
        found = Counter(outcome if outcome in (EQUAL, KEYS) else "not imported" for outcome in outcomes)
        yield f"{library}: {', '.join(f'{count} {word}' for word, count in found.most_common())}, of {found.total()}"


def main() -> None:
    parser = surveys.parser(__doc__, "imports.jsonl")
    parser.add_argument("--folder", type=Path, help="where the specs are written")
    arguments = parser.parse_args()
    if arguments.folder is not None:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    work = partial(imported, arguments.most_parameters, arguments.folder)
    made = surveys.Survey(work, _outcome, lambda one: _outcome(one) in (EQUAL, KEYS), surveys.limits(arguments))
    results = surveys.survey(arguments, made)
    print(*table(results), sep="\n")


if __name__ == "__main__":
    main()
