"""Peak memory of an import without and with proof: a Markdown table, in GB and in units of the module's weights.

    python tests/benchmark/import_memory.py [layers:3000x12 timm:vit_base_patch16_224 …]

`layers:3000x12` are twelve blocks with linear layers of that width. Each import has a process of its own; what torch
and this script hold before the module is made is measured too.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from resource import RUSAGE_SELF, getrusage

import surveys
import torch
from isolated_runs import FAILED, Limits, Result, isolated
from torch import nn

from archgraph.importing.api import import_module
from archgraph.importing.sources.input_descriptions import InputDescription
from archgraph.importing.sources.module_source import module_source

DEFAULT = ("layers:3000x12", "timm:vit_base_patch16_224")
_LIMITS = Limits(cpu_seconds=900, gigabytes=16)
_COLUMNS = ("network", "weights, GB", "module alone", "without proof", "× weights", "with proof", "× weights", "ratio")


class Block(nn.Module):
    """A linear layer with its norm."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.linear(self.norm(x)).relu()


def _module(name: str) -> tuple[nn.Module, dict[str, InputDescription]]:
    kind, _, size = name.partition(":")
    if kind != "layers":
        return module_source(name).make(), {"x": InputDescription(("N", 3, "H", "W"))}
    width, count = map(int, size.split("x"))
    made = nn.Sequential(*(Block(width) for _ in range(count)))
    return made, {"input": InputDescription(("N", width))}


def measured(name: str, verify: bool | None) -> Result:
    """Peak resident GB of a process that imports a network; without an import where `verify` is None."""
    before = _peak()
    module, inputs = _module(name)
    weights = sum(tensor.nbytes for tensor in module.state_dict().values()) / 1e9
    start = time.process_time()
    if verify is not None:
        import_module(module, inputs, verify=verify)
    return {"before": before, "weights": weights, "peak": _peak(), "cpu": time.process_time() - start}


def _peak() -> float:
    return getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9


def row(name: str) -> list[str]:
    """The table's row of a network."""
    found = [isolated(partial(measured, name, verify), _LIMITS) for verify in (None, False, True)]
    failed = next((one[FAILED] for one in found if FAILED in one), None)
    if failed:
        return [name, str(failed)]
    weights = found[0]["weights"]
    cells = [name, f"{weights:.2f}", f"{found[0]['peak']:.2f}"]
    for one in found[1:]:
        cells += [f"{one['peak']:.2f}", f"{(one['peak'] - one['before']) / weights:.2f}"]
    print(name, found, file=sys.stderr)
    return [*cells, f"{found[2]['peak'] / found[1]['peak']:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=DEFAULT)
    torch.set_num_threads(1)
    torch.export.export(nn.ReLU(), (torch.ones(2),))
    print(surveys.markdown(_COLUMNS, [row(name) for name in parser.parse_args().networks]))


if __name__ == "__main__":
    main()
