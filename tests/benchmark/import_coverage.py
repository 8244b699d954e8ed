"""Imports the networks of torchvision and timm, and prints a Markdown table of which came out equal.

    python tests/benchmark/import_coverage.py [timm:resnet torchvision: …] [--results imports.jsonl] [--seconds 300]

Each network has a process of its own, with a limit of CPU seconds and of memory. Results are kept as JSON lines, and a
network whose result is there is not tried again, so that a run can be interrupted; `--again` tries those that failed.
Networks of more than `--most-parameters` are built without memory: for them keys and shapes are compared, not numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import import_networks as known
import references
import torch

from archgraph.errors import ArchgraphError
from archgraph.graph import weights
from archgraph.importing.api import import_module
from archgraph.importing.parity import prove

Result = dict[str, Any]
EQUAL, KEYS = "equal", "keys equal"
_COLUMNS = ("network", "operations", "lines", "torch.export, s", "import, s", "result")


def imported(network: known.Network, most_parameters: int, folder: Path | None) -> Result:
    """One import in this process: sizes, CPU seconds, and whether it is equal, or why not."""
    result: Result = {"network": str(network)}
    torch.manual_seed(0)
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in network.source.make().parameters())
    large = count > most_parameters
    exporting = _Timed(torch.export.export)
    torch.export.export = exporting  # type: ignore[assignment]
    start = time.process_time()
    try:
        with torch.device("meta" if large else "cpu"):
            made = import_module(network.source, network.inputs, verify=False)
        result |= {"parameters": count, "import": time.process_time() - start - exporting.seconds}
        text = made.graph.spec()
        result |= {"operations": len(made.graph.nodes), "lines": text.count("\n")}
        if folder is not None:
            (folder / f"{network.name}.yaml").write_text(text, encoding="utf-8")
        result["result"] = _compared(made, large)
    except ArchgraphError as error:
        problem = error.problems[0]
        result["result"] = "; ".join(filter(None, (problem.message, problem.expected, problem.received)))
    except Exception as error:
        result["result"] = f"{type(error).__name__}: {error}"[:300]
        if os.environ.get("TRACE"):
            raise
    result["export"] = exporting.seconds
    return result


def _compared(made: Any, large: bool) -> str:
    if not large:
        prove(made.graph, made.module, None, made.training)
        return EQUAL
    ours = [(item.key, tuple(item.weight.shape)) for item in weights(made.graph)]
    theirs = [(key, tuple(tensor.shape)) for key, tensor in made.module.state_dict().items()]
    return KEYS if ours == theirs else "keys or shapes differ"


class _Timed:
    """A function, with the CPU seconds of its calls."""

    def __init__(self, function: Any):
        self.function = function
        self.seconds = 0.0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return self.function(*args, **kwargs)
        finally:
            self.seconds += time.process_time() - start


def apart(network: known.Network, arguments: argparse.Namespace) -> Result:
    """The import in a process of its own, which starts with all libraries imported."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CPU, (arguments.seconds, arguments.seconds + 5))
        resource.setrlimit(resource.RLIMIT_DATA, (arguments.gigabytes << 30, arguments.gigabytes << 30))
        with os.fdopen(writer, "w") as pipe:
            pipe.write(json.dumps(imported(network, arguments.most_parameters, arguments.folder)))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if answer:
        result: Result = json.loads(answer)
        return result
    return {"network": str(network), "result": f"ended by signal {status & 127}: more seconds or memory than allowed"}


def table(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A Markdown table, and how many are equal of each library."""
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|{' --- |' * len(_COLUMNS)}"
    for one in results:
        seconds = [f"{one[name]:.1f}" if name in one else "" for name in ("export", "import")]
        cells = [one["network"], one.get("operations", ""), one.get("lines", ""), *seconds, one["result"]]
        yield f"| {' | '.join(str(cell).replace(chr(10), ' ').replace('|', '/') for cell in cells)} |"
    yield ""
    for library in dict.fromkeys(one["network"].partition(":")[0] for one in results):
        found = Counter(
            one["result"] if one["result"] in (EQUAL, KEYS) else "not imported"
            for one in results
            if one["network"].startswith(f"{library}:")
        )
        yield f"{library}: {', '.join(f'{count} {word}' for word, count in found.most_common())}, of {found.total()}"


def main() -> None:
    arguments = _arguments()
    warnings.simplefilter("ignore")
    references.timm()
    torch.export.export(torch.nn.ReLU(), (torch.ones(2),))  # the first call imports what all others need
    path: Path = arguments.results
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    results: dict[str, Result] = {one["network"]: one for one in map(json.loads, lines)}
    chosen = known.selected(arguments.networks)
    for network in chosen:
        before = results.get(str(network))
        if before is not None and not (arguments.again and before["result"] not in (EQUAL, KEYS)):
            continue
        results[str(network)] = made = apart(network, arguments)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(made) + "\n")
        print(f"{made['network']}: {made['result']}", file=sys.stderr, flush=True)
    print(*table([results[str(network)] for network in chosen]), sep="\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", help="beginnings of names, such as timm:resnet; all without any")
    parser.add_argument("--results", type=Path, default=Path("imports.jsonl"))
    parser.add_argument("--folder", type=Path, help="where the specs are written")
    parser.add_argument("--again", action="store_true", help="tries those that failed once more")
    parser.add_argument("--seconds", type=int, default=300, help="CPU seconds for each network")
    parser.add_argument("--gigabytes", type=int, default=12, help="memory for each network")
    parser.add_argument("--most-parameters", type=int, default=70_000_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
