"""`archgraph demo`: all of it once, on what the package ships."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import archgraph
from archgraph.cli import demo_digits
from archgraph.cli.options import DeviceOption, stem
from archgraph.cli.output import Stopwatch, echo, made, write_text
from archgraph.cli.output_paths import EXPORTS, require_folder
from archgraph.cli.progress import progress

if TYPE_CHECKING:
    from archgraph.graph.types import Graph

CLASSIFIER = "resnet18"
DENOISER = "ddpm"
CHANNELS = [32, 64, 64, 64]
"""The published network, narrower: its steps take a twentieth of the time."""
PHOTOGRAPH = Path(archgraph.__file__).parent / "photographs" / "flower.jpg"
PICTURES, STEPS, SIDE = 4, 10, 32

FolderOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Where to write; by default exports/demo.")
]


def run(output: FolderOption = None, device: DeviceOption = "auto") -> None:
    """Checks, draws, exports and runs a ResNet, and lets a small diffusion network draw digits; into one folder.

    Example: archgraph demo
    """
    folder = output or EXPORTS / "demo"
    require_folder(folder)
    whole, demo, drawing = Stopwatch(), _Demo(folder, device), demo_digits.Digits(folder, device)
    trained = demo_digits.shipped()
    steps = _steps(demo) + (_digits(drawing) if trained else _untrained(demo))
    for number, (title, step) in enumerate(steps, start=1):
        watch = Stopwatch()
        echo(f"{number}. {title}", flush=True)
        for line in step():
            echo(f"   {line}", flush=True)
        echo(f"   {watch.seconds:.1f} s", flush=True)
    echo(f"done in {whole.seconds:.0f} s; everything is in {folder}/")
    echo("try next:")
    for command in _next(f"{drawing.painter} --class 2" if trained else f"{folder}/denoiser.onnx --size 32"):
        echo(f"   {command}")


Step = Callable[[], Iterator[str]]


def _steps(demo: _Demo) -> list[tuple[str, Step]]:
    return [
        (f"check {CLASSIFIER}: read the spec, prove the shapes", demo.check),
        ("summary: parameters and multiply-accumulates", demo.summary),
        ("render: a diagram", demo.render),
        ("code: plain PyTorch", demo.code),
        ("export: ONNX, verified against torch", demo.export),
        ("infer: a photograph through ONNX Runtime (the weights are random, so the class means nothing)", demo.infer),
    ]


def _digits(demo: demo_digits.Digits) -> list[tuple[str, Step]]:
    return [
        ("export a trained diffusion U-Net, verified too", demo.export_painter),
        ("export a trained classifier of digits", demo.export_reader),
        (f"sample: {demo_digits.DIGITS} digits drawn by ONNX Runtime, each class in turn", demo.draw),
        ("infer: the classifier reads what was drawn", demo.read),
    ]


def _untrained(demo: _Demo) -> list[tuple[str, Step]]:
    return [
        ("export a small diffusion U-Net, verified too", demo.export_denoiser),
        (f"sample {PICTURES} pictures in {STEPS} steps (random weights make noise of noise)", demo.sample),
    ]


def _next(painter: str) -> list[str]:
    """Three commands that begin where the demonstration ends."""
    return [
        f"archgraph sample {painter} -n 16 --seed 1 -o more.png",
        f"archgraph noise {PHOTOGRAPH} -o noise.png",
        "archgraph render ddpm@cifar10 -o ddpm.svg",
    ]


class _Demo:
    """Each step yields what it has to say."""

    def __init__(self, folder: Path, device: str):
        self.folder = folder
        self.device = device

    @cached_property
    def graph(self) -> Graph:
        return archgraph.load(CLASSIFIER)

    def file(self, suffix: str) -> Path:
        return self.folder / f"{stem(self.graph)}{suffix}"

    def check(self) -> Iterator[str]:
        inputs = ", ".join(f"{value.name} {value.type}" for value in self.graph.inputs)
        outputs = ", ".join(f"{name} {value.type}" for name, value in self.graph.outputs.items())
        yield f"{inputs} → {outputs}"
        yield from (f"size: {constraint.text}" for constraint in self.graph.constraints)

    def summary(self) -> Iterator[str]:
        found = archgraph.summarize(self.graph, {"N": 1, "H": 224, "W": 224})
        write_text(self.file(".txt"), found.text())
        yield from (f"{name:<12} {text}" for name, text in found.footer() if name in ("parameters", "MACs"))
        yield made(self.file(".txt"))

    def render(self) -> Iterator[str]:
        archgraph.render(self.graph, self.file(".svg"))
        yield made(self.file(".svg"))

    def code(self) -> Iterator[str]:
        write_text(self.file(".py"), archgraph.code(self.graph))
        yield made(self.file(".py"))

    def export(self) -> Iterator[str]:
        yield from _exported(self.graph, self.file(".onnx"))

    def infer(self) -> Iterator[str]:
        from archgraph.runtime import Session, load_image, preprocess, top_k

        with Session(self.file(".onnx"), self.device) as session:
            (logits,) = session.run({session.inputs[0].name: preprocess(load_image(PHOTOGRAPH), session.meta)}).values()
            yield f"{PHOTOGRAPH.name} on {session.device}: " + ", ".join(map(str, top_k(logits, 3)[0]))

    def export_denoiser(self) -> Iterator[str]:
        yield from _exported(archgraph.load(DENOISER, channels=CHANNELS), self.folder / "denoiser.onnx")

    def sample(self) -> Iterator[str]:
        from archgraph.diffusion import sample
        from archgraph.runtime import Session, grid, save_png, to_pixels

        path = self.folder / "denoiser.png"
        with Session(self.folder / "denoiser.onnx", self.device) as session, progress(session.device) as advance:
            pictures = sample(
                session, n=PICTURES, size=SIDE, steps=STEPS, on_step=lambda step, total, x: advance(step, total)
            )
        save_png(grid(to_pixels(pictures)), path)
        yield made(path)


def _exported(graph: Graph, path: Path) -> Iterator[str]:
    yield from archgraph.to_onnx(graph, path).text().splitlines()
    yield made(path)
