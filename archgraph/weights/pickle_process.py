"""A process that reads pickles by torch's weights-only reader, and says where their tensors' bytes lie.

It is run as a file, imports nothing of archgraph, and ends when nobody has asked for a while. Each pickle is read in a
process of its own, which this one forks where the system can.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

IDLE_SECONDS = 30.0
DEEPEST = 4
"""Levels of mappings in which states are looked for."""
Answer = dict[str, Any]


def main() -> None:
    """Answers each line of the input by a line."""
    while _asked():
        line = sys.stdin.readline()
        if not line:
            return
        request = json.loads(line)
        if not hasattr(os, "fork"):
            print(json.dumps(answered(request["path"], request["folder"])), flush=True)
            return
        _in_a_fork(request)


def _asked() -> bool:
    """Waits for a question; False where none comes for long."""
    if os.name != "posix":  # only sockets can be waited for there
        return True
    return bool(select.select([sys.stdin], [], [], IDLE_SECONDS)[0])


def _in_a_fork(request: Mapping[str, str]) -> None:
    child = os.fork()
    if not child:
        try:
            print(json.dumps(answered(request["path"], request["folder"])), flush=True)
        finally:
            os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status:
        print(json.dumps({"error": f"the process that read it was ended by signal {status & 127}"}), flush=True)


def answered(path: str, folder: str) -> Answer:
    """`file` and `states`: where the bytes of each tensor lie; or `error`."""
    try:
        return _states(path, folder)
    except Exception as error:  # whatever a damaged or hostile pickle raises
        return {"error": _reason(error)}


def _reason(error: Exception) -> str:
    """The line of torch's message that says why; its advice is to run the pickle's code."""
    refused = str(error).partition("WeightsUnpickler error:")[2].strip().partition("\n")[0]
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return (refused.partition(" Please use")[0] or lines[0])[:300]


def _states(path: str, folder: str) -> Answer:
    held, base, size = _loaded(path)
    found = dict(_mappings(held, "", 0))
    spool = "" if base else _spooled(found, folder)
    states: dict[str, Any] = {}
    for name, tensors in found.items():
        states[name] = {key: _described(tensor, base, size) for key, tensor in tensors.items()}
    kind = "" if isinstance(held, Mapping) else type(held).__name__
    return {"file": spool or path, "states": states, "kind": kind, "others": _others(held)}


def _loaded(path: str) -> tuple[Any, int, int]:
    """What the pickle holds, and where its file is mapped; 0 for a file of the form before zip, which is read whole."""
    import torch

    maps: list[tuple[int, int]] = []
    original = torch.UntypedStorage.from_file

    def noted(*given: Any, **named: Any) -> Any:
        made = original(*given, **named)
        maps.append((made.data_ptr(), made.nbytes()))
        return made

    torch.UntypedStorage.from_file = noted  # type: ignore[method-assign]
    with open(path, "rb") as file:  # noqa: PTH123, nothing but torch is imported here
        zipped = file.read(4) == b"PK\x03\x04"
    held = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped or None)
    return held, *(maps[0] if maps else (0, 0))


def _mappings(held: Any, name: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mapping from names to tensors, by its path; what optimizers keep by number is none."""
    if not isinstance(held, Mapping) or depth > DEEPEST or not all(isinstance(key, str) for key in held):
        return
    import torch

    tensors = {key: value for key, value in held.items() if isinstance(value, torch.Tensor)}
    if tensors:
        yield name, tensors
        return
    for key, value in held.items():
        yield from _mappings(value, f"{name}.{key}" if name else key, depth + 1)


def _others(held: Any) -> list[str]:
    """What a mapping holds next to its tensors."""
    import torch

    if not isinstance(held, Mapping):
        return []
    return [str(key)[:80] for key, value in held.items() if not isinstance(value, (torch.Tensor, Mapping))][:20]


def _described(tensor: Any, base: int, size: int) -> Any:
    """The type, the sizes, the steps in entries, and the first byte of a tensor; or why it has no numbers."""
    if tensor.is_quantized or str(tensor.layout) != "torch.strided" or tensor.is_meta:
        return "quantised" if tensor.is_quantized else "on the meta device" if tensor.is_meta else "sparse"
    begin = _PLACES.get(id(tensor)) if not base else tensor.data_ptr() - base
    if begin is None or (base and tensor.numel() and not 0 <= begin <= size):
        return "outside of the file"
    kind = str(tensor.dtype).removeprefix("torch.")
    return [kind, list(tensor.shape), list(tensor.stride()), begin if tensor.numel() else 0]


_PLACES: dict[int, int] = {}
"""Where the bytes of a tensor were written, by its id."""


def _spooled(states: Mapping[str, Mapping[str, Any]], folder: str) -> str:
    """A file with the bytes of all tensors, for pickles whose own file cannot be mapped."""
    handle, name = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "wb") as file:
        for tensors in states.values():
            for key, tensor in tensors.items():
                with contextlib.suppress(RuntimeError, NotImplementedError):  # described as what has no numbers
                    _write(file, tensors, key, tensor)
    return name


def _write(file: Any, tensors: Any, key: str, tensor: Any) -> None:
    import torch

    plain = tensor.detach().contiguous()
    tensors[key] = plain
    _PLACES[id(plain)] = file.tell()
    file.write(plain.reshape(-1).view(torch.uint8).numpy().data)


if __name__ == "__main__":
    import torch  # noqa: F401, before the first question: each fork has it

    main()
