"""The device and element type of a module: what was requested, checked."""

from __future__ import annotations

import torch

from archgraph.errors import ProviderError, SpecError, nearest

DTYPES = ("float32", "float64", "float16", "bfloat16")


def device_of(device: str | torch.device | None) -> torch.device | None:
    """The requested device. Raises ProviderError where it is not there."""
    if device is None:
        return None
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ProviderError(
            f"torch has no device '{device}' here", expected=_devices(), received=reason[0][:200]
        ) from None
    return found


def _devices() -> str:
    found = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    return ", ".join([*found, *(["mps"] if torch.backends.mps.is_available() else []), "or meta"])


def dtype_of(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """The requested element type. Raises SpecError for one that weights cannot have."""
    if dtype is None:
        return None
    name = str(dtype).removeprefix("torch.")
    found = {"half": "float16", "float": "float32", "double": "float64"}.get(name, name)
    if found not in DTYPES:
        expected = ", ".join(DTYPES)
        raise SpecError("weights cannot have this type", expected=expected, received=name, hint=nearest(name, DTYPES))
    return getattr(torch, found)  # type: ignore[no-any-return]
