"""Where a module comes from: `timm:resnet18`, `torchvision:resnet50`, `package.module:factory`, or a folder that
`save_pretrained` wrote; with arguments."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from archgraph.errors import ArchgraphError, ImportingError, nearest
from archgraph.importing.sources.configurations import configured
from archgraph.importing.sources.saved_folders import is_saved, saved_class
from archgraph.importing.sources.saved_weights import with_saved_weights
from archgraph.importing.sources.source_names import FORMS, source_parts
from archgraph.importing.tracing.tracing_errors import source_line

LIBRARIES = ("torchvision", "timm", "diffusers", "transformers")


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """A library or a module of Python, what it calls the network, and the arguments to make it with."""

    library: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None
    folder: Path | None = None
    """Where the configuration and the weights of a network of transformers or diffusers lie."""

    def __str__(self) -> str:
        return f"{self.library}:{self.name}" + (f" in {self.folder}" if self.folder is not None else "")

    def make(self) -> torch.nn.Module:
        """The module. Raises ImportingError where it is not there, or its factory raises."""
        return made_by(self._factory(), str(self))

    def _factory(self) -> Callable[[], Any]:
        package = installed_package(self.library)
        if self.library == "timm":
            return partial(package.create_model, self.name, **self.arguments)
        if self.library == "torchvision":
            return partial(_torchvision_builder(package, self.name), **{"weights": None, **self.arguments})
        made = _attribute(package, self.name, self.library)
        if self.folder is not None:
            return partial(with_saved_weights, made, self.library, self.folder, self.arguments)
        if isinstance(made, torch.nn.Module) and not self.arguments and self.config is None:
            return lambda: made
        if not callable(made) or isinstance(made, torch.nn.Module):
            raise _no_factory(self, made)
        return configured(made, self.config, self.arguments)


def made_by(factory: Callable[[], Any], title: str) -> torch.nn.Module:
    """What a factory makes. Raises ImportingError where it fails, with the line, or makes no module."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = factory()
    except ArchgraphError:
        raise
    except (Exception, SystemExit) as error:
        raise ImportingError(
            f"{title} cannot be made", received=_first_cause(error), hint=_missing_arguments(factory)
        ) from error
    if not isinstance(made, torch.nn.Module):
        raise ImportingError(f"{title} is no module", expected="torch.nn.Module", received=type(made).__name__)
    return made


def _missing_arguments(factory: Callable[[], Any]) -> str:
    """`--arg width=…`, for each argument that has no default and is not given."""
    given: Collection[str] = getattr(factory, "keywords", ())
    try:
        parameters = inspect.signature(getattr(factory, "func", factory)).parameters.values()
    except (TypeError, ValueError):
        return ""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    needed = [one.name for one in parameters if one.default is one.empty and one.kind in kinds]
    return " ".join(f"--arg {name}=…" for name in needed if name not in given)


def _no_factory(source: ModuleSource, made: Any) -> ImportingError:
    if isinstance(made, torch.nn.Module):
        return ImportingError(
            f"{source} is a module that exists already, which takes no arguments",
            hint=f"name its class: {type(made).__name__}",
        )
    return ImportingError(
        f"{source} is no module and makes none",
        expected="a class, a function or a module",
        received=type(made).__name__,
    )


def module_source(
    text: str, arguments: Mapping[str, Any] | None = None, config: Mapping[str, Any] | None = None
) -> ModuleSource:
    """The source that a text names. Raises ImportingError."""
    if is_saved(text):
        if config is not None:
            raise ImportingError(f"{text} has a configuration of its own", hint="without --config")
        return ModuleSource(*saved_class(Path(text)), arguments or {}, folder=Path(text))
    parts = source_parts(text)
    if parts is None or parts[0].endswith(".py"):
        file, _, inside = text.partition(":")
        hint = f"without folder and suffix: {Path(file).stem}:{inside or 'NAME'}" if ".py" in file else ""
        raise ImportingError(f"'{text}' names no module of Python", expected=FORMS, hint=hint)
    return ModuleSource(*parts, arguments or {}, config)


def installed_package(name: str) -> Any:
    """A library, or a module of Python. Raises ImportingError where it is not installed, or cannot be imported."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name.partition(".")[0]:
            raise ImportingError(f"{name} is not installed", hint=_missing_package(error.name)) from None
        raise ImportingError(f"{name} cannot be imported", received=_first_cause(error)) from error
    except SystemExit as error:
        hint = 'what a program does stands below `if __name__ == "__main__":`, so that it can be imported'
        raise ImportingError(f"{name} ends when it is imported", received=_first_cause(error), hint=hint) from error
    except Exception as error:
        raise ImportingError(f"{name} cannot be imported", received=_first_cause(error)) from error


def _missing_package(name: str) -> str:
    """What to do without it. A slip in the name of a library or of a file here is none to install: whoever likes may
    have published a package of that name."""
    here = [entry.stem for entry in Path().iterdir() if entry.suffix == ".py" or (entry / "__init__.py").is_file()]
    meant = "" if name in LIBRARIES else nearest(name, [*LIBRARIES, *here])
    return meant or f"pip install {name}"


def _torchvision_builder(package: Any, name: str) -> Callable[..., Any]:
    models = importlib.import_module("torchvision.models")
    try:
        found: Callable[..., Any] = models.get_model_builder(name)
    except ValueError:
        known = models.list_models()
        raise ImportingError(f"torchvision has no model '{name}'", hint=nearest(name, known)) from None
    return found


def _attribute(package: Any, name: str, library: str) -> Any:
    found = package
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            known = [word for word in dir(found) if not word.startswith("_")]
            raise ImportingError(f"{library} has no '{name}'", hint=nearest(part, known)) from None
        except Exception as error:  # transformers and diffusers import their classes when they are asked for
            raise ImportingError(f"{library}:{name} cannot be imported", received=_first_cause(error)) from error
    return found


def _first_cause(error: BaseException) -> str:
    """The exception at the beginning of a chain, with its line: libraries wrap what they miss into their own."""
    while error.__cause__ is not None:
        error = error.__cause__
    what, place = f"{type(error).__name__}: {error}", source_line(error)
    return f"{what}; {place}" if place else what
