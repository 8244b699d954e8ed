"""Where a module lies and what its weights are: the devices and element types that people ask for, or why not."""

from __future__ import annotations

import torch

from archgraph.errors import ProviderError, SpecError, nearest

DTYPES = ("float32", "float64", "float16", "bfloat16")


def device_of(device: str | torch.device | None) -> torch.device | None:
    """The device that was asked for. Raises ProviderError where it is not there."""
    if device is None:
        return None
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ProviderError(
            f"torch has no device '{device}' here", expected=_devices(), received=said[0][:200]
        ) from None
    return found


def _devices() -> str:
    found = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    return ", ".join([*found, *(["mps"] if torch.backends.mps.is_available() else []), "or meta"])


def dtype_of(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """The element type that was asked for. Raises SpecError for one that weights cannot have."""
    if dtype is None:
        return None
    name = str(dtype).removeprefix("torch.")
    found = {"half": "float16", "float": "float32", "double": "float64"}.get(name, name)
    if found not in DTYPES:
        expected = ", ".join(DTYPES)
        raise SpecError("weights cannot have this type", expected=expected, received=name, hint=nearest(name, DTYPES))
    return getattr(torch, found)  # type: ignore[no-any-return]
