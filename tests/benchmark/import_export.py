"""Imports and exports networks of four libraries, beside torch.onnx's own export: a Markdown table.

    python tests/benchmark/import_export.py [timm:resnet torchvision: …] [--results exports.jsonl] [--workers 16]

For each network: seconds of import and export without proof beside `torch.onnx.export(dynamo=True)` of the same module
with the same free sizes (process CPU, one thread; making the module does not count); whether each file is right at
three sizes in ONNX Runtime with all optimisations, its error against float64 at most four times the largest of the
module's own in float32; which sizes are free in it; and the latency of both at batch 1, in turns.

Weights and norm statistics are random. Each part has a process of its own, with a limit of CPU seconds and of memory.
Results are kept as JSON lines, and a network whose result is there is not tried again. Latency is not measured where
several networks run at a time, nor with `--no-latency`. Networks of more than `--most-parameters` are named and left
out.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import surveys
import torch
from export_errors import CHAOS, MOST_ERRORS, REFUSED, RIGHT, compared, own_error, references_of
from export_pairs import LATENCY, OURS, THEIRS, TRIES, ours, source_of, theirs
from import_networks import Network
from isolated_runs import FAILED, Limits, Result, isolated
from turns import alternated

HERE = Path(__file__).parent
SIZES = 3
SIDES = {"ours": OURS, "torch": THEIRS}
MOST_SECONDS, MOST_LATENCY = 1 / 3, 1.03
_PARTS = 4
"""Processes of one network: what each may take, the network may take as often."""


def measured(arguments: argparse.Namespace, folder: Path, allowed: Limits, network: Network) -> Result:
    """Both exports of a network, and what they compute."""
    count = surveys.parameters_of(network)
    if count > arguments.most_parameters:
        return {"parameters": count, "skipped": f"more than {arguments.most_parameters:,} parameters"}
    place = folder / f"{network.library}_{network.name}"
    place.mkdir()
    result: Result = {
        "parameters": count,
        "ours": isolated(partial(ours, network, place, arguments.profile), allowed),
        "torch": isolated(partial(theirs, network, place), allowed),
    }
    found = isolated(partial(errors, network, place), allowed)
    for side in SIDES:
        result[side] |= found.pop(side, {"why": found.get(FAILED, "")})
    result |= found
    if not arguments.no_latency and arguments.workers == 1 and count <= arguments.latency_parameters:
        result["latency"] = latency(place, arguments.threads, arguments.rounds)
    shutil.rmtree(place, ignore_errors=True)
    return result


def errors(network: Network, place: Path) -> Result:
    """How right each of the files is."""
    if not any((place / file).is_file() for file in SIDES.values()):
        return {}
    kept = torch.load(place / TRIES, weights_only=False)
    found = references_of(source_of(network).make(), kept["tries"], SIZES)
    sides = {side: compared(str(place / file), found) for side, file in SIDES.items() if (place / file).is_file()}
    inputs = [
        {name: list(value.shape) for name, value in one.given.items() if hasattr(value, "shape")} for one in found
    ]
    return {**{side: sides.get(side, {}) for side in SIDES}, "float32": own_error(found), "inputs": inputs}


def latency(place: Path, threads: int, rounds: int) -> dict[str, Any]:
    """Median milliseconds of both files, which take turns."""
    if not all((place / file).is_file() for file in (*SIDES.values(), LATENCY)):
        return {}
    command = [sys.executable, str(HERE / "onnx_turns.py")]
    commands = {side: [*command, str(place / file), str(place / LATENCY), str(threads)] for side, file in SIDES.items()}
    try:
        times = alternated(commands, rounds)
    except (RuntimeError, ValueError) as error:
        return {"why": str(error).strip()[-200:]}
    return {side: 1e3 * statistics.median(of) for side, of in times.items()}


def verdict(result: Result, side: str) -> str:
    """What became of one side."""
    one = result[side]
    if "refused" in one or FAILED in one:
        return REFUSED
    if "skipped" in one:
        return "not tried"
    return str(one.get("verdict", "not compared"))


def _ratio(one: Mapping[str, Any], ours: str = "ours", torch: str = "torch") -> float | None:
    """The seconds of our side as a part of torch's, where both have a file."""
    if any("cpu" not in one[side] or "refused" in one[side] for side in (ours, torch)):
        return None
    return float(one[ours]["cpu"] / one[torch]["cpu"])


_COLUMNS = (
    *(
        "network",
        "parameters",
        "archgraph",
        "error",
        "torch.onnx",
        "error",
        "free sizes",
        "archgraph, s",
        "torch.onnx, s",
    ),
    *("ratio", "latency, ms", "torch.onnx, ms", "ratio"),
)


def table(results: Sequence[Result]) -> Iterator[str]:
    """The table, what was refused or is wrong by name, and a summary."""
    done = [one for one in results if "ours" in one]
    yield surveys.markdown(_COLUMNS, [_row(one) for one in done])
    yield (
        "\nErrors against float64 in units of the largest that the module's own float32 has; free sizes are "
        f"dimensions of inputs, archgraph's and torch's; chaos: float32 itself departs by more than {CHAOS}.\n"
    )
    yield from _named(results)
    yield ""
    yield from (f"- {line}" for line in summary(done))


def _row(one: Result) -> list[str]:
    sides = [cell for side in SIDES for cell in (verdict(one, side), _number(one[side].get("error")))]
    free = "/".join(str(sum(map(len, one[side]["free"].values()))) if "free" in one[side] else "" for side in SIDES)
    seconds = [_number(one[side].get("cpu")) for side in SIDES]
    times = [one.get("latency", {}).get(side) for side in SIDES]
    faster = f"{times[0] / times[1]:.2f}" if all(times) else ""
    ratio = _ratio(one)
    cells = [one["network"], f"{one['parameters']:,}", *sides, free, *seconds, "" if ratio is None else f"{ratio:.2f}"]
    return [*cells, *map(_number, times), faster]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


_REASONS = ("refused", "skipped", FAILED, "why")


def _named(results: Sequence[Result]) -> Iterator[str]:
    """Everything that is not right, and why."""
    for one in results:
        if "ours" not in one:
            yield f"- {one['network']}: {one.get('skipped') or one.get(FAILED)}"
            continue
        for side in SIDES:
            found = verdict(one, side)
            if found != RIGHT:
                why = (
                    one[side].get("refused")
                    or one[side].get("skipped")
                    or one[side].get(FAILED)
                    or one[side].get("why")
                    or ""
                )
                yield f"- {one['network']}, {side}: {found}{f': {why}' if why else ''}".replace("\n", " ")


def summary(done: Sequence[Result]) -> Iterator[str]:
    """Counts and medians."""
    for library in [*dict.fromkeys(one["network"].partition(":")[0] for one in done), ""]:
        those = [one for one in done if one["network"].startswith(library)]
        for side in SIDES:
            counts = Counter(verdict(one, side) for one in those).most_common()
            yield f"{library or 'all'}, {side}: {', '.join(f'{n} {word}' for word, n in counts)}, of {len(those)}"
    pairs = [one for one in done if _ratio(one) is not None]
    if pairs:
        ratios = sorted(ratio for one in pairs if (ratio := _ratio(one)) is not None)
        medians = {side: statistics.median(one[side]["cpu"] for one in pairs) for side in SIDES}
        yield f"CPU seconds, {len(pairs)} networks: {', '.join(f'{side} {n:.1f}' for side, n in medians.items())}"
        met = sum(ratio <= MOST_SECONDS for ratio in ratios)
        yield f"ratio: median {statistics.median(ratios):.2f}, {ratios[0]:.2f} to {ratios[-1]:.2f}, {met} at most 1/3"
        imports = [1 + one["ours"]["import"] / one["ours"]["torch.export"] for one in pairs]
        yield f"import beside torch.export alone: median {statistics.median(imports):.2f}, largest {max(imports):.2f}"
    timed = [one["latency"] for one in done if all(side in one.get("latency", {}) for side in SIDES)]
    if timed:
        ratios = sorted(one["ours"] / one["torch"] for one in timed)
        met = sum(round(ratio, 2) <= MOST_LATENCY for ratio in ratios)
        spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        yield f"latency ratio: median {statistics.median(ratios):.2f}, {spread}, {met} at most 1.03"
    yield f"right: at most {MOST_ERRORS:.0f} of float32's own errors at {SIZES} sizes"


def _outcome(result: Result) -> str:
    if "ours" not in result:
        return str(result.get("skipped") or result.get(FAILED))
    sides = [f"{side} {verdict(result, side)} {_number(result[side].get('cpu'))} s" for side in SIDES]
    return ", ".join(sides)


def _passed(result: Result) -> bool:
    return "skipped" in result or ("ours" in result and verdict(result, "ours") == RIGHT)


def _first_exports(folder: Path) -> None:
    """Imports what exports need, so that no network's seconds hold it."""
    import archgraph as ag
    from archgraph.importing.api import import_module

    module, inputs = torch.nn.Sequential(torch.nn.Linear(2, 2)), {"input": torch.ones(2, 2)}
    made = import_module(module, inputs, verify=False)
    ag.to_onnx(made.graph, folder / "first.onnx", verify=False)
    from contenders import torch_export

    torch_export(module, (), folder / "first.onnx", kwargs=inputs)


def main() -> None:
    parser = surveys.parser(__doc__, "exports.jsonl")
    parser.add_argument("--profile", default="cpu", help="of our files, which ONNX Runtime runs on the CPU")
    parser.add_argument("--no-latency", action="store_true")
    parser.add_argument("--latency-parameters", type=int, default=70_000_000, help="larger networks are not timed")
    parser.add_argument("--threads", type=int, default=1, help="of ONNX Runtime, for latency")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    allowed = surveys.limits(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.set_num_threads(1)
        _first_exports(folder)
        whole = Limits(_PARTS * allowed.cpu_seconds, allowed.gigabytes)
        made = surveys.Survey(partial(measured, arguments, folder, allowed), _outcome, _passed, whole)
        results = surveys.survey(arguments, made)
    print(*table(results), sep="\n")


if __name__ == "__main__":
    main()
