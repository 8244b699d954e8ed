"""The profile of a file, read before ONNX Runtime opens it: some of its options are for one profile only."""

from __future__ import annotations

from pathlib import Path

from archgraph.artifact.metadata_keys import DTYPE, LAYOUT, PROFILE
from archgraph.artifact.onnx_metadata import metadata_entries
from archgraph.errors import ModelFileError

NHWC_PROFILES = frozenset({"cuda"})
"""Files whose group norms want the channels last; with `prefer_nhwc` the convolutions between them do so too."""


def layout_options(path: Path) -> dict[str, str]:
    """The options of the CUDA provider that suit the profile and the type of a file.

    ONNX Runtime has no bfloat16 convolutions with the channels last: with the option such a file is no valid one. A
    file in float32 without group norms says that it is faster without.
    """
    entries = _entries_of(path)
    wanted = PROFILE.of(entries) in NHWC_PROFILES and DTYPE.of(entries) != "bfloat16"
    return {"prefer_nhwc": "1"} if wanted and LAYOUT.of(entries) != "channels_first" else {}


def other_device(path: Path) -> str:
    """The hint for a file of the CUDA profile, which has no kernels on the CPU; '' for any other."""
    for_cuda = PROFILE.of(_entries_of(path)) in NHWC_PROFILES
    return "it was exported for CUDA: run it there, or export it with --profile cpu" if for_cuda else ""


def profile_of(path: Path) -> str:
    """The profile that a file was exported under; '' where it names none, or is no ONNX file. Raises OSError."""
    return _entries_of(path).get(PROFILE.key, "")


def _entries_of(path: Path) -> dict[str, str]:
    """The entries of a file that say what it is for; none where it is no ONNX file. Raises OSError."""
    path.open("rb").close()
    try:
        return metadata_entries(path)
    except ModelFileError:
        return {}
