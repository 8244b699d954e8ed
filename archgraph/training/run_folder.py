"""A run's folder: the spec as it was trained, weights, numbers and pictures. `export` and `sample` take it as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from archgraph.artifact.atomic_files import replacing
from archgraph.artifact.whole_numbers import whole_number
from archgraph.errors import ArchgraphError, TrainingError
from archgraph.graph.types import Graph
from archgraph.language.reading.composer import scalar
from archgraph.language.reading.document import read_file
from archgraph.language.schema.meta import as_written

if TYPE_CHECKING:
    from torch import Tensor

BEST, AVERAGED, LAST = "best.safetensors", "ema.safetensors", "last.safetensors"


@dataclass(frozen=True)
class RunFolder:
    """The places in it."""

    path: Path

    @property
    def spec(self) -> Path:
        return self.path / "spec.yaml"

    @property
    def report(self) -> Path:
        return self.path / "run.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def curve(self) -> Path:
        return self.path / "loss.png"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def grid(self, step: int) -> Path:
        """The samples drawn at a step."""
        return self.path / "samples" / f"step-{step:06d}.png"

    def make(self) -> None:
        """The folders. Raises TrainingError."""
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"the folder {self.path} cannot be made", received=error.strerror or "") from None

    def newest_checkpoint(self) -> Path | None:
        """The one of the most steps. One that is being written has another name, so a kill leaves no half of one."""
        found = {_steps(path): path for path in self.checkpoints.glob("step=*.ckpt")}
        return found[max(found)] if found else None

    def weights(self) -> list[Path]:
        """Those that a run has left."""
        return [self.path / name for name in (BEST, AVERAGED, LAST) if (self.path / name).exists()]

    def holds_foreign_spec(self) -> bool:
        """Whether its `spec.yaml` is one that no run has written."""
        if not self.spec.exists():
            return False
        try:
            meta = read_file(self.spec).data["meta"]
            return not (meta["weights"] in (BEST, AVERAGED) and meta["self_contained"] is True)
        except (ArchgraphError, KeyError, TypeError):  # unreadable, or of another form
            return True

    def write_spec(self, graph: Graph, meta: Mapping[str, Any]) -> None:
        """The spec that made the network, with its parameters settled and every block that it uses."""
        data = resolved(graph) | {"meta": as_written(meta)}
        text = yaml.dump(data, None, _Dumper, sort_keys=False, width=120, allow_unicode=True, default_flow_style=None)
        with replacing(self.spec) as file:
            file.write(text.encode())

    def write_report(self, report: Mapping[str, Any]) -> None:
        with replacing(self.report) as file:
            file.write(json.dumps(report, indent=2, ensure_ascii=False).encode() + b"\n")

    def write_weights(self, name: str, weights: Mapping[str, Tensor]) -> None:
        """A state dict as safetensors. Raises RunError."""
        from safetensors.torch import save

        tensors = {key: tensor.clone() for key, tensor in weights.items()}  # safetensors wants no memory shared
        with replacing(self.path / name) as file:
            file.write(save(tensors, metadata={"format": "pt"}))


class _Dumper(yaml.SafeDumper):
    """Quotes text that the language, by the rules of YAML 1.2, would read as a number; PyYAML goes by those of 1.1."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(scalar(text), str) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def _steps(path: Path) -> int:
    digits = path.stem.removeprefix("step=")
    number = whole_number(digits)
    return -1 if number is None else number


def resolved(graph: Graph) -> dict[str, Any]:
    """The graph's spec as plain data without presets: its parameters are the ones that the graph was made with."""
    data = {key: value for key, value in graph.info.spec.items() if key not in ("presets", "assert", "meta")}
    given = dict(data.get("params") or {})
    for name, value in graph.info.params.items():
        if name in given and given[name] != value:
            given[name] = _settled(given[name], value)
    kept = [claim for claim in [_claims(graph.info.spec.get("assert"))] if claim]
    return {**data, **({"params": given} if given else {}), **({"assert": kept[0]} if kept else {})}


def _settled(declared: Any, value: Any) -> Any:
    """The default that makes a parameter this value: of several choices, the chosen one comes first."""
    if isinstance(declared, list) and isinstance(value, str):
        return [value, *(choice for choice in declared if choice != value)]
    return json.loads(json.dumps(value))


def _claims(given: Any) -> Any:
    """What the spec asserts but for published counts of presets, which the run may have left."""
    if isinstance(given, Mapping):
        return {key: value for key, value in given.items() if key != "parameters"}
    return given
