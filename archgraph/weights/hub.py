"""Files of a hub that speaks Hugging Face's protocol: `hf:OWNER/NAME`, `hf:OWNER/NAME@REVISION/FILE`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archgraph.errors import WeightsError, nearest

HUB = "hf:"
FORM = "hf:OWNER/NAME, or hf:OWNER/NAME/FILE.safetensors"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_REQUEST = re.compile(rf"({_NAME}/{_NAME})(?:@([A-Za-z0-9._-]+))?(?:/(.+))?")
USUAL = ("model.safetensors", "diffusion_pytorch_model.safetensors", "open_clip_model.safetensors")
"""The files that libraries write, looked for in this order where no file is named; each may be in shards."""


def downloaded(request: str) -> Path:
    """The file of a request, from the hub or from what is kept of it here. Raises WeightsError."""
    found = _REQUEST.fullmatch(request)
    if found is None or ".." in request:
        raise WeightsError(f"'{HUB}{request}' names no file of the hub", expected=FORM)
    repository, revision, name = found[1], found[2], found[3]
    hub = _library()
    try:
        if name is None:
            name = _usual(repository, _listed(hub, repository, revision))
        path = Path(hub.hf_hub_download(repository, name, revision=revision))
        for shard in _shards(path):
            folder = name.rpartition("/")[0]
            hub.hf_hub_download(repository, f"{folder}/{shard}" if folder else shard, revision=revision)
    except WeightsError:
        raise
    except Exception as error:  # whatever the library and its libraries raise
        raise _refused(hub, repository, name, revision, error) from None
    return path


def _library() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise WeightsError(f"'{HUB}' needs the package huggingface_hub", hint="pip install 'archgraph[hub]'") from None
    return huggingface_hub


def _listed(hub: Any, repository: str, revision: str | None) -> list[str]:
    """The files of a repository; without a connection, those that are kept here."""
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        return list(hub.HfApi().list_repo_files(repository, revision=revision))
    except (RepositoryNotFoundError, HFValidationError):
        raise
    except Exception:
        try:
            kept = Path(hub.snapshot_download(repository, revision=revision, local_files_only=True))
        except Exception:
            kept = None
        if kept is None:
            raise
        return [path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file()]


def _usual(repository: str, files: Sequence[str]) -> str:
    """The file that holds the weights. Raises WeightsError where that is open."""
    for name in USUAL:
        for each in (name, f"{name}.index.json"):
            if each in files:
                return each
    whole = [name for name in files if name.endswith((".safetensors", ".safetensors.index.json"))]
    indexes = [name for name in whole if name.endswith(".json")]
    if len(indexes or whole) == 1:
        return (indexes or whole)[0]
    pickles = [name for name in files if name.endswith((".bin", ".pt", ".pth", ".ckpt"))]
    if whole:
        raise WeightsError(
            f"{repository} holds several files of weights",
            expected=f"{HUB}{repository}/FILE",
            received=", ".join(whole[:20]),
        )
    raise WeightsError(
        f"{repository} holds no safetensors file",
        received=", ".join(files[:20]) or "no files",
        hint=f"if you trust it: pickle:{HUB}{repository}/{pickles[0]}" if pickles else "",
    )


def _shards(path: Path) -> list[str]:
    """The names of the files that an index names; downloading changes no name."""
    if not path.name.endswith(".index.json"):
        return []
    import json

    try:
        places = json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()
        names = sorted({str(name) for name in places})
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return []  # refused with a reason where it is read
    return [name for name in names if Path(name).name == name]


def _refused(hub: Any, repository: str, name: str | None, revision: str | None, error: Exception) -> WeightsError:
    """What went wrong, plainly."""
    from huggingface_hub import constants, errors

    place = f"{HUB}{repository}" + (f"/{name}" if name else "")
    if isinstance(error, errors.GatedRepoError):
        return WeightsError(f"{repository} is open to some only", hint="ask for access there, then `hf auth login`")
    if isinstance(error, errors.RepositoryNotFoundError):
        return WeightsError(f"the hub has no '{repository}'", hint="a private one needs `hf auth login`")
    if isinstance(error, errors.RevisionNotFoundError):
        return WeightsError(f"'{repository}' has no revision '{revision}'")
    if isinstance(error, errors.LocalEntryNotFoundError) or _offline(error, errors):
        off = bool(constants.HF_HUB_OFFLINE)
        said = "HF_HUB_OFFLINE is set" if off else f"{constants.ENDPOINT} does not answer"
        return WeightsError(f"'{place}' is not here: {said}, and no copy is kept", hint="download it when online")
    if isinstance(error, errors.EntryNotFoundError):
        try:
            files = _listed(hub, repository, revision)
        except Exception:
            files = []
        return WeightsError(
            f"'{repository}' has no file '{name}'",
            received=", ".join(files[:20]),
            hint=nearest(str(name), [file for file in files if file.endswith(".safetensors")]),
        )
    return WeightsError(
        f"'{place}' could not be downloaded", received=str(error).splitlines()[0][:300] or type(error).__name__
    )


def _offline(error: Exception, errors: Any) -> bool:
    """Whether nobody answered."""
    names = {each.__name__ for each in type(error).__mro__}
    return isinstance(error, errors.OfflineModeIsEnabled) or bool(
        names & {"ConnectionError", "ConnectError", "ConnectTimeout", "ReadTimeout", "Timeout"}
    )
