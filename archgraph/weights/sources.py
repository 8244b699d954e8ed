"""Where weights come from, as text: a path, `pickle:PATH#STATE`, `hf:OWNER/NAME/FILE`; for a subtree or the whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from archgraph.artifact.file_kinds import is_file, is_folder
from archgraph.errors import WeightsError, nearest
from archgraph.weights.hub import HUB, downloaded
from archgraph.weights.locations import PICKLE, PICKLES, in_two_files, located, safetensors_files
from archgraph.weights.pickles import Pickle, read_pickle
from archgraph.weights.safetensors_files import SafetensorsFile
from archgraph.weights.tensors import LazyTensor, Tensors

_SUBTREE = re.compile(r"([A-Za-z_][\w.]*)=(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WeightSource:
    """Weights that were asked for: where they are, and the path of the network that they are for ('': all of it)."""

    place: str
    subtree: str = ""

    @property
    def text(self) -> str:
        """As it is written on the command line."""
        return f"{self.subtree}={self.place}" if self.subtree else self.place

    @property
    def path(self) -> Path | None:
        """The file or folder on this machine that it names."""
        place = self.place.removeprefix(PICKLE)
        if place.startswith(HUB):
            return None
        return _file_and_state(place)[0] if self.place.startswith(PICKLE) else Path(place).expanduser()


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """Its tensors as they are named in it, the files they lie in, and the state that was chosen in a pickle."""

    source: WeightSource
    tensors: Tensors
    files: tuple[Path, ...]
    state: str = ""
    metadata: tuple[tuple[str, str], ...] = ()


def source_of(text: str) -> WeightSource:
    """The source of a text such as `backbone=r50.safetensors`."""
    found = _SUBTREE.fullmatch(text)
    if found is None or is_file(Path(text)) or is_folder(Path(text)):
        return WeightSource(text)
    return WeightSource(found[2], found[1])


def opened(source: WeightSource) -> OpenedSource:
    """Its tensors, unread. Raises WeightsError: nothing there, damaged, of another kind, several states."""
    if source.place.startswith(PICKLE):
        return _opened_pickle(source)
    place = source.place
    path = downloaded(place.removeprefix(HUB)) if place.startswith(HUB) else Path(place)
    found = safetensors_files(path)
    for file in found:
        _require_no_pickle(file)
    files = [SafetensorsFile(file) for file in found]
    metadata = tuple(files[0].metadata.items()) if len(files) == 1 else ()
    return OpenedSource(source, _merged(files), tuple(file.path for file in files), metadata=metadata)


def states_of(source: WeightSource) -> Pickle | None:
    """All states of a pickle; None for another file, and where one of the states is named. Raises WeightsError."""
    if not source.place.startswith(PICKLE):
        return None
    path, state = _pickle_path(source)
    return None if state else read_pickle(path)


def _merged(files: list[SafetensorsFile]) -> dict[str, LazyTensor]:
    tensors: dict[str, LazyTensor] = {}
    places: dict[str, Path] = {}
    for file in files:
        found = file.tensors()
        if twice := sorted(tensors.keys() & found.keys()):
            raise in_two_files(twice[0], places[twice[0]], file.path)
        tensors.update(found)
        places.update(dict.fromkeys(found, file.path))
    return tensors


def _opened_pickle(source: WeightSource) -> OpenedSource:
    path, state = _pickle_path(source)
    _require_pickle(path)
    states = read_pickle(path).states
    if state not in states:
        if state or len(states) > 1:
            raise _which_state(path, source, state, states)
        state = next(iter(states))
    return OpenedSource(source, states[state], (path,), state)


def _pickle_path(source: WeightSource) -> tuple[Path, str]:
    """The file of a pickle, and the state that is asked for in it. Raises WeightsError."""
    place = source.place.removeprefix(PICKLE)
    path, state = _file_and_state(place)
    if place.startswith(HUB):
        name, _, state = place.removeprefix(HUB).partition("#")
        path = downloaded(name)
    return located(path), state


def _file_and_state(place: str) -> tuple[Path, str]:
    """A path and what stands behind its `#`; a file may have that sign in its name."""
    whole = Path(place).expanduser()
    path, sign, state = place.rpartition("#")
    if not sign or is_file(whole):
        return whole, ""
    return Path(path).expanduser(), state


def _which_state(path: Path, source: WeightSource, state: str, states: object) -> WeightsError:
    names = [name for name in states if isinstance(states, dict)] if isinstance(states, dict) else []
    shown = ", ".join(name or "(the whole file)" for name in names)
    what = f"has no state '{state}'" if state else f"holds {len(names)} states"
    place = source.place.rpartition("#")[0] if state else source.place
    example = next((name for name in names if name), "")
    hint = (nearest(state, names) if state else "") or (f"--weights {place}#{example}" if example else "")
    return WeightsError(f"'{path}' {what}", expected="the name of one behind a #", received=shown, hint=hint)


def _require_pickle(path: Path) -> None:
    """Raises WeightsError for a safetensors file that is called a pickle, and for a pickle that is named as one.

    torch goes by the name alone, so a pickle that is named safetensors must be renamed.
    """
    if path.suffix != ".safetensors":
        return
    with path.open("rb") as file:
        safe = file.read(9)[8:] == b"{"
    if safe:
        raise WeightsError(f"{path} is no pickle but a safetensors file", hint=f"--weights {path}")
    raise disguised(path)


def _require_no_pickle(path: Path) -> None:
    """Raises WeightsError for a pickle that has the name of a safetensors file."""
    with path.open("rb") as file:
        start = file.read(9)
    if start.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x04")) and start[8:] != b"{":
        raise disguised(path)


def disguised(path: Path) -> WeightsError:
    """That a pickle has the name of a safetensors file."""
    return WeightsError(
        f"{path} looks like a pickle, whatever its name says; reading one can run code that it brings along",
        expected="a safetensors file",
        hint=f"convert it; or, if you trust it, rename it: --weights {PICKLE}{path.with_suffix(PICKLES[0])}",
    )
