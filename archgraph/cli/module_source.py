"""A SPEC argument that names a module of PyTorch: its options, and its import for this run, weights included."""

from __future__ import annotations

import contextlib
import functools
import inspect
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archgraph.cli.key_values import pairs, pairs_as_yaml
from archgraph.cli.output import echo
from archgraph.errors import SpecError
from archgraph.importing.sources.source_names import FORMS, names_module, preset_and_source

if TYPE_CHECKING:
    from archgraph.graph.types import Graph
    from archgraph.importing.api import Imported
    from archgraph.importing.family import ImportedFamily

_PANEL = "Where a module of PyTorch is named"
ArgOption = Annotated[
    list[str],
    typer.Option("--arg", metavar="NAME=VALUE", help="An argument of the factory, as YAML.", rich_help_panel=_PANEL),
]
InputOption = Annotated[
    list[str],
    typer.Option(
        "--input",
        metavar="NAME=SIZES",
        help="What its forward reads: --input x=N,3,H,W --input t=N:int64.",
        rich_help_panel=_PANEL,
    ),
]
LeafOption = Annotated[
    list[str],
    typer.Option(
        "--leaf",
        metavar="CLASS=OPERATION",
        help="Keeps modules of a class as one node of an operation, mostly of a plugin; may be given again.",
        rich_help_panel=_PANEL,
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="A config.json to make the class with.", rich_help_panel=_PANEL),
]


@dataclass(frozen=True, slots=True)
class ModuleOptions:
    """What `--arg`, `--input`, `--config` and `--leaf` say of the module that a command names."""

    arg: Sequence[str] = ()
    input: Sequence[str] = ()
    config: Path | None = None
    leaf: Sequence[str] = ()

    @property
    def given(self) -> dict[str, Any]:
        """The options that are there, by name."""
        found = {"--arg": self.arg, "--input": self.input, "--config": self.config, "--leaf": self.leaf}
        return {name: value for name, value in found.items() if value}


_ADDED = tuple(
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=option)
    for name, default, option in (
        ("arg", [], ArgOption),
        ("input_", [], InputOption),
        ("config", None, ConfigOption),
        ("leaf", [], LeafOption),
    )
)
_options: ContextVar[ModuleOptions] = ContextVar("module_options")
_weights: dict[int, Path] = {}
"""The weights of the imported modules, by the id of their graph, which lives as long as the command."""
_graphs: list[Graph] = []


def takes_modules(run: Callable[..., None]) -> Callable[..., None]:
    """A command whose SPEC may name a module of PyTorch, with the options that describe one."""

    @functools.wraps(run)
    def command(**given: Any) -> None:
        options = ModuleOptions(*(given.pop(one.name) for one in _ADDED))
        first = next(iter(options.given), "")
        if first and not any(names_module(preset_and_source(text)[1]) for text in _texts(given.values())):
            raise SpecError(f"{first} describes a module of PyTorch, and no argument names one", expected=FORMS)
        token = _options.set(options)
        try:
            run(**given)
        finally:
            _options.reset(token)

    own = inspect.signature(run, eval_str=True).parameters.values()
    command.__dict__["__signature__"] = inspect.Signature(
        [*(one.replace(kind=one.KEYWORD_ONLY) for one in own), *_ADDED]
    )
    return command


def module_options() -> ModuleOptions:
    """What the running command says of the module that it names."""
    return _options.get(ModuleOptions())


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _texts(value)


def imported(text: str, *, name: str = "", verify: bool = True) -> Imported:
    """The module that a text and the options of the command describe; notes on it are printed.

    What its code prints goes to stderr: stdout is the command's. Raises ImportingError, SpecError.
    """
    options = module_options()
    config = _config(options.config)
    with _described(options) as (arguments, inputs, leaves):
        from archgraph.importing.api import import_module
        from archgraph.importing.sources.module_source import module_source

        source = module_source(text, arguments, config)
        found = import_module(source, inputs, name=name, verify=verify, leaves=leaves)
    _note(found)
    return found


def imported_family(
    texts: Sequence[str], *, name: str = "", verify: bool = True, renamed: Mapping[str, str] = MappingProxyType({})
) -> ImportedFamily:
    """The family of modules that some texts, `SOURCE` or `NAME=SOURCE`, and the options of the command describe.

    Raises ImportingError, SpecError.
    """
    options = module_options()
    if options.config is not None and len(texts) > 1:
        raise SpecError("--config describes one network, and several are named", hint="import each by itself")
    config = _config(options.config)
    with _described(options) as (arguments, inputs, leaves):
        from archgraph.importing.family import import_family, preset_names
        from archgraph.importing.sources.module_source import module_source

        parts = map(preset_and_source, texts)
        sources = preset_names([(word, module_source(text, arguments, config)) for word, text in parts])
        found = import_family(sources, inputs, name=name, verify=verify, leaves=leaves, renamed=renamed)
    for word, one in found.networks.items():
        _note(one, f"{word}: ")
    return found


@contextlib.contextmanager
def _described(options: ModuleOptions) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, str]]]:
    """The arguments, inputs and leaves of the options; what is printed inside goes to stderr."""
    arguments = pairs_as_yaml(options.arg, "--arg")
    leaves = dict(pairs(options.leaf, "--leaf", "--leaf net.Gate=gates.gated_linear"))
    import_from_here()
    with contextlib.redirect_stdout(sys.stderr):
        from archgraph.importing.sources.example_inputs import described

        yield arguments, _each_once(map(described, options.input)), leaves


def _note(found: Imported, of: str = "") -> None:
    """Prints the notes on an import, and which sizes the module refused; `of` says which network it is."""
    for note in found.notes:
        echo(f"note: {of}{note}", file=sys.stderr)
    for line in found.parity.refused if found.parity is not None else ():
        echo(f"note: {of}the module itself refuses {line}", file=sys.stderr)


def _each_once(described: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in described:
        if name in found:
            raise SpecError(f"--input {name} is given twice")
        found[name] = value
    return found


def imported_graph(text: str) -> Graph:
    """The graph of a module, proved equal to it, for this run. Raises ImportingError, SpecError."""
    found = imported(text)
    import tempfile
    from multiprocessing.util import Finalize

    from archgraph.verify.shape_check import save_weights, without_numbers

    if without_numbers(found.module):
        return found.graph
    folder = Path(tempfile.mkdtemp(prefix="archgraph-"))
    # As this process ends: one that multiprocessing has made runs nothing that is registered with atexit.
    Finalize(None, shutil.rmtree, (folder,), {"ignore_errors": True}, exitpriority=0)
    _weights[id(found.graph)] = folder / "weights.safetensors"
    _graphs.append(found.graph)
    save_weights(found.module, _weights[id(found.graph)])
    return found.graph


def imported_weights(graph: Graph) -> Path | None:
    """The weights that came with an imported graph."""
    return _weights.get(id(graph))


def import_from_here() -> None:
    """Files of the current folder are modules, as they are for python itself."""
    if "" not in sys.path:
        sys.path.insert(0, "")


def _config(path: Path | None) -> dict[str, object] | None:
    if path is None:
        return None
    from archgraph.language.reading.document import read_text

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"--config {path} cannot be read", received=reason) from None
    found = read_text(text, str(path), "json" if path.suffix == ".json" else "yaml").data
    if not isinstance(found, dict):
        raise SpecError(f"--config {path} is no mapping", received=type(found).__name__)
    return dict(found)
