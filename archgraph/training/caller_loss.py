"""A loss that the caller hands in, a function of the network's output and its target, and whether it is one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from archgraph.errors import TrainingError
from archgraph.training.plugin_losses import loss_named

SIGNATURE = "loss(output, target) → a tensor of one number, as torch's losses have it"


class CallerLoss:
    """Calls the loss and checks what it returns. Raises TrainingError for what cannot be minimized.

    A text is the name of a plugin's loss.
    """

    def __init__(self, function: Callable[[Any, Any], Tensor] | str):
        title = function if isinstance(function, str) else ""
        function = loss_named(function) if isinstance(function, str) else function
        if not callable(function):
            raise TrainingError("`loss` is no function", expected=SIGNATURE, received=repr(function)[:80])
        if isinstance(function, type):
            name = function.__name__
            raise TrainingError("`loss` is a class", expected=SIGNATURE, received=name, hint=f"make one: {name}()")
        if isinstance(function, nn.Module) and any(p.requires_grad for p in function.parameters()):
            raise TrainingError(
                f"the loss {_name(function)} has weights of its own, and only the network's are trained",
                expected="a loss without weights that require a gradient",
                hint="put the layer into the spec",
            )
        _require_two(function)
        self._function = function
        self.name = title or _name(function)

    def __call__(self, output: Any, target: Tensor) -> Tensor:
        try:
            found = self._function(output, target)
        except Exception as error:
            raise TrainingError(
                f"the loss {self.name} failed",
                expected=f"{SIGNATURE}; here output is {_described(output)}, target {_described(target)}",
                received=f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:300]}",
            ) from error
        self._require_scalar(found, output)
        return found if found.ndim == 0 else found.reshape(())

    def _require_scalar(self, found: Any, output: Any) -> None:
        if not isinstance(found, Tensor):
            hint = "return the tensor itself, not its .item()" if isinstance(found, (int, float)) else ""
            self._refuse("returned no tensor", _described(found), hint)
        if found.numel() != 1:
            self._refuse("returned more than one number", _described(found), "take the mean: loss.mean()")
        if found.is_complex():
            self._refuse("returned a complex number, which cannot be minimized", _described(found), "take loss.abs()")
        if not found.is_floating_point():
            self._refuse("returned a whole number, which has no gradient", _described(found), "")
        if torch.is_grad_enabled() and not found.requires_grad and _requires_grad(output):
            self._refuse(
                "does not depend on the network's output in a way that has a gradient",
                _described(found),
                "detach, argmax, comparisons and conversions to numpy end the gradient",
            )

    def _refuse(self, what: str, received: str, hint: str) -> None:
        raise TrainingError(f"the loss {self.name} {what}", expected=SIGNATURE, received=received, hint=hint)


def _require_two(function: Callable[..., Any]) -> None:
    called = function.forward if isinstance(function, nn.Module) else function
    try:
        inspect.signature(called).bind(None, None)
    except TypeError as error:
        received = f"{_name(function)}{inspect.signature(called)}"
        raise TrainingError(
            "`loss` does not take an output and a target", expected=SIGNATURE, received=received, hint=str(error)
        ) from None
    except ValueError:  # a builtin without a signature
        return


def _requires_grad(output: Any) -> bool:
    if isinstance(output, Tensor):
        return output.requires_grad
    return isinstance(output, (tuple, list)) and any(map(_requires_grad, output))


def _name(function: Any) -> str:
    return str(getattr(function, "__qualname__", None) or type(function).__name__)


def _described(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_described, value))})"
    return f"{type(value).__name__} {value!r}"[:80]
