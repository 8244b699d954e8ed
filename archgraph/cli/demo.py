"""`archgraph demo`: all of it once, on what the package ships."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import archgraph
from archgraph.cli.options import EXPORTS, DeviceOption
from archgraph.cli.output import Stopwatch, size_text, write_text
from archgraph.cli.sample import progress
from archgraph.errors import ArchgraphError

if TYPE_CHECKING:
    from archgraph.graph.types import Graph

CLASSIFIER = "resnet18"
DENOISER = "ddpm"
CHANNELS = [32, 64, 64, 64]
"""The published network, narrower: its steps take a twentieth of the time."""
PHOTOGRAPH = Path(archgraph.__file__).parent / "photographs" / "flower.jpg"
PICTURES, STEPS, SIDE = 4, 10, 32


Folder = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Where to write; by default exports/demo.")
]


def run(output: Folder = None, device: DeviceOption = "auto") -> None:
    """Checks, draws, compiles, exports and runs a ResNet and a small diffusion network; all files land in one folder.

    Example: archgraph demo
    """
    folder = output or EXPORTS / "demo"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArchgraphError(f"the folder {folder} cannot be made", received=error.strerror or str(error)) from None
    whole = Stopwatch()
    for number, (title, step) in enumerate(_steps(_Demo(folder, device)), start=1):
        watch = Stopwatch()
        print(f"{number}. {title}", flush=True)
        for line in step():
            print(f"   {line}")
        print(f"   {watch.seconds:.1f} s", flush=True)
    print(f"done in {whole.seconds:.0f} s; everything is in {folder}/")


Step = Callable[[], Iterator[str]]


def _steps(demo: _Demo) -> list[tuple[str, Step]]:
    return [
        (f"check {CLASSIFIER}: read the spec, prove the shapes", demo.check),
        ("summary: parameters and multiply-accumulates", demo.summary),
        ("render: a diagram", demo.render),
        ("code: plain PyTorch", demo.code),
        ("export: ONNX, verified against torch", demo.export),
        ("infer: a photograph through ONNX Runtime (the weights are random, so the class means nothing)", demo.infer),
        ("export a small diffusion U-Net, verified too", demo.export_denoiser),
        (f"sample {PICTURES} pictures in {STEPS} steps (random weights make noise of noise)", demo.sample),
    ]


@dataclass(slots=True)
class _Demo:
    folder: Path
    device: str
    graph: Graph | None = None

    def check(self) -> Iterator[str]:
        graph = self._classifier()
        yield f"{', '.join(f'{value.name} {value.type}' for value in graph.inputs)} → " + ", ".join(
            f"{name} {value.type}" for name, value in graph.outputs.items()
        )
        yield from (f"requires {constraint.text}" for constraint in graph.constraints)

    def summary(self) -> Iterator[str]:
        graph = self._classifier()
        found = archgraph.summarize(graph, {"N": 1, "H": 224, "W": 224})
        path = self.folder / f"{CLASSIFIER}.txt"
        write_text(path, found.text())
        yield from (line for line in found.footer() if line.startswith(("parameters", "MACs")))
        yield _made(path)

    def render(self) -> Iterator[str]:
        graph = self._classifier()
        path = self.folder / f"{CLASSIFIER}.svg"
        archgraph.render(graph, path)
        yield _made(path)

    def code(self) -> Iterator[str]:
        graph = self._classifier()
        path = self.folder / f"{CLASSIFIER}.py"
        write_text(path, archgraph.code(graph))
        yield _made(path)

    def export(self) -> Iterator[str]:
        graph = self._classifier()
        yield from self._exported(graph, f"{CLASSIFIER}.onnx")

    def infer(self) -> Iterator[str]:
        from archgraph.runtime import Session, load_image, preprocess, top_k

        with Session(self.folder / f"{CLASSIFIER}.onnx", self.device) as session:
            (logits,) = session.run({session.inputs[0].name: preprocess(load_image(PHOTOGRAPH), session.meta)}).values()
            yield f"{PHOTOGRAPH.name} on {session.device}: " + ", ".join(map(str, top_k(logits, 3)[0]))

    def export_denoiser(self) -> Iterator[str]:
        yield from self._exported(archgraph.load(DENOISER, channels=CHANNELS), "ddpm-small.onnx")

    def sample(self) -> Iterator[str]:
        from archgraph.runtime import Session, grid, sample, save_png, to_pixels

        path = self.folder / "ddpm-small.png"
        with Session(self.folder / "ddpm-small.onnx", self.device) as session, progress(session.device) as advance:
            pictures = sample(
                session, n=PICTURES, size=SIDE, steps=STEPS, on_step=lambda step, total, x: advance(step, total)
            )
        save_png(grid(to_pixels(pictures)), path)
        yield _made(path)

    def _classifier(self) -> Graph:
        if self.graph is None:
            self.graph = archgraph.load(CLASSIFIER)
        return self.graph

    def _exported(self, graph: Graph, name: str) -> Iterator[str]:
        path = self.folder / name
        report = archgraph.to_onnx(graph, path)
        yield from report.text().splitlines()
        yield _made(path)


def _made(path: Path) -> str:
    return f"{path} ({size_text(path.stat().st_size)})"
