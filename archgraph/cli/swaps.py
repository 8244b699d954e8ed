"""Arguments in each other's place: a picture where the network is wanted, a spec where the weights are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archgraph.artifact.file_kinds import ONNX, PICTURE, SPEC, SPEC_SUFFIXES, kind_of, not_a_file, not_weights
from archgraph.errors import InputError, WeightsError

INPUT_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".npy", ".npz")


def require_network_first(model: str, files: Sequence[Path]) -> None:
    """Raises InputError for `infer photo.png net.onnx`."""
    first, networks = Path(model), [file for file in files if _is_network(file)]
    if not networks or not (first.suffix.lower() in INPUT_SUFFIXES or kind_of(first).startswith(PICTURE)):
        return
    rest = [str(first), *(str(file) for file in files if file not in networks)]
    raise InputError(
        f"the network comes first: archgraph infer {networks[0]} {' '.join(rest)}",
        received=f"{model}, then {' '.join(map(str, files))}",
    )


def _is_network(file: Path) -> bool:
    return file.suffix.lower() in (".onnx", *SPEC_SUFFIXES) or kind_of(file) == ONNX


def require_weights_file(weights: Path) -> None:
    """Raises WeightsError for a spec, an exported file or anything else that is known not to be weights."""
    if odd := not_a_file(weights):
        if odd != "a folder":  # which may hold shards
            raise WeightsError(f"the weights {weights} are {odd}", expected="a .safetensors file")
        return
    if not (kind := not_weights(weights)):
        return
    hint = ""
    if kind == SPEC:
        hint = f"the spec comes first: archgraph build {weights} --weights FILE.safetensors"
    elif kind == ONNX:
        hint = f"`archgraph infer {weights} …` runs it with the weights in it"
    raise WeightsError(f"{weights} is {kind}, and no weights", expected="a .safetensors file", hint=hint)


def require_weights_of(spec: str, weights: object) -> None:
    """Raises WeightsError where an exported file would be written anew with random weights in the place of its own."""
    if weights is None and (spec.endswith(".onnx") or kind_of(Path(spec)) == ONNX):
        raise WeightsError(
            f"{spec} is exported already: only its spec is read, and its weights would be random ones",
            expected="--weights FILE.safetensors, those that it was made of",
            hint="name the spec it was made of, or those weights",
        )
