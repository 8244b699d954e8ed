"""Where a module comes from: `timm:resnet18`, `torchvision:resnet50`, `package.module:factory`, with arguments."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from archgraph.errors import ImportingError, nearest
from archgraph.importing.configurations import configured
from archgraph.importing.source_names import FORMS, source_parts


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """A library or a module of Python, what it calls the network, and the arguments to make it with."""

    library: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.library}:{self.name}"

    def make(self) -> torch.nn.Module:
        """The module. Raises ImportingError where it is not there, or its factory raises."""
        factory = self._factory()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = factory()
        except Exception as error:
            raise ImportingError(f"{self} cannot be made", received=_first_cause(error)) from error
        if not isinstance(made, torch.nn.Module):
            raise ImportingError(f"{self} is no module", expected="torch.nn.Module", received=type(made).__name__)
        return made

    def _factory(self) -> Callable[[], Any]:
        package = _package(self.library)
        if self.library == "timm":
            return partial(package.create_model, self.name, **self.arguments)
        if self.library == "torchvision":
            return partial(_torchvision_builder(package, self.name), **{"weights": None, **self.arguments})
        made = _attribute(package, self.name, self.library)
        return configured(made, self.config, self.arguments)


def module_source(
    text: str, arguments: Mapping[str, Any] | None = None, config: Mapping[str, Any] | None = None
) -> ModuleSource:
    """The source that a text names. Raises ImportingError."""
    parts = source_parts(text)
    if parts is None:
        raise ImportingError(f"'{text}' names no module of Python", expected=FORMS)
    return ModuleSource(*parts, arguments or {}, config)


def _package(name: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name.partition(".")[0]:
            raise ImportingError(f"{name} is not installed", hint=f"pip install {name.partition('.')[0]}") from None
        raise ImportingError(f"{name} cannot be imported", received=str(error)) from error
    except Exception as error:
        raise ImportingError(f"{name} cannot be imported", received=f"{type(error).__name__}: {error}") from error


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
    """The exception at the beginning of a chain: libraries wrap what a module needs into "could not import"."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}"
