"""The part of `archgraph demo` that the shipped weights make: digits are drawn, and read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import archgraph
from archgraph.cli.output import made
from archgraph.cli.progress import Frames, progress
from archgraph.errors import WeightsError

if TYPE_CHECKING:
    from archgraph.artifact.arrays import Floats
    from archgraph.runtime import Session
    from archgraph.runtime.images import Pixels

PAINTER, READER = "digits_ddpm", "digits_resnet"
DIGITS = 64


def shipped() -> bool:
    """Whether both networks have their weights here."""
    try:
        return all(archgraph.trained_weights(archgraph.load(name)) for name in (PAINTER, READER))
    except WeightsError:
        return False


class Digits:
    """Each step yields what it has to say."""

    def __init__(self, folder: Path, device: str):
        self.folder = folder
        self.device = device
        self.drawn: Pixels | None = None
        self.painter, self.reader = (folder / f"{Path(name).stem}.onnx" for name in (PAINTER, READER))

    def export_painter(self) -> Iterator[str]:
        yield from self._exported(PAINTER, self.painter)

    def export_reader(self) -> Iterator[str]:
        yield from self._exported(READER, self.reader)

    def _exported(self, name: str, path: Path) -> Iterator[str]:
        graph = archgraph.load(name)
        yield from archgraph.to_onnx(graph, path, weights=archgraph.trained_weights(graph)).text().splitlines()
        yield made(path)

    def draw(self) -> Iterator[str]:
        """All classes in turn, and the way there as an animation."""
        from archgraph.diffusion import sample, sampling_record
        from archgraph.runtime import Session, save_gif, save_png, to_pixels

        png, gif, frames = self.folder / "digits.png", self.folder / "digits.gif", Frames()
        with Session(self.painter, self.device) as session:
            asked = _sampling_settings(session)
            with progress(session.device, DIGITS) as advance:

                def on_step(step: int, total: int, x: Floats) -> None:
                    advance(step, total)
                    frames.take(x)

                pictures = sample(session, on_step=on_step, **asked)
            notes = sampling_record(session, {**asked, "file": str(session.path)})
            yield f"{asked['steps']} steps of {asked['sampler']} on {session.device}, guidance {asked['guidance']:g}"
        frames.finish(pictures)
        self.drawn = to_pixels(pictures)
        sheets = frames.pictures
        save_png(sheets[-1], png, notes)
        save_gif(sheets, gif)
        yield from (made(png), made(gif))

    def read(self) -> Iterator[str]:
        """How many of the drawn digits the classifier recognizes as the requested class."""
        import numpy as np

        from archgraph.runtime import Session, preprocess, to_image, top_k

        with Session(self.reader, self.device) as session:
            drawn = [] if self.drawn is None else [preprocess(to_image(pixels), session.meta) for pixels in self.drawn]
            (logits,) = session.run({session.inputs[0].name: np.concatenate(drawn)}).values()
        pairs = [(k % logits.shape[1], best.index) for k, (best,) in enumerate(top_k(logits, 1))]
        taken = Counter(pair for pair in pairs if pair[0] != pair[1])
        yield f"{len(pairs) - taken.total()} of {len(pairs)} recognised as the digit that was asked for"
        yield from (f"a {asked} was taken for a {read}, {_times(n)}" for (asked, read), n in sorted(taken.items()))


def _sampling_settings(session: Session) -> dict[str, Any]:
    """All classes in turn, in one batch, so that the animation shows all of them; else the defaults of the file."""
    from archgraph.diffusion.sampling import DEFAULT_SAMPLER, DEFAULT_STEPS

    declared: Mapping[str, Any] = session.meta["diffusion"]
    usual = {"sampler": DEFAULT_SAMPLER, "steps": DEFAULT_STEPS, "guidance": 1.0}
    labels = [k % declared["classes"] for k in range(DIGITS)]
    asked = {"n": DIGITS, "batch": DIGITS, "labels": labels, "seed": 0}
    return asked | {name: declared.get(name, value) for name, value in usual.items()}


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"
