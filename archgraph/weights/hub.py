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
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")
_WEIGHTS = (".safetensors", ".safetensors.index.json", *_PICKLED)
PATIENCE = 3.0
"""Seconds in which a hub answers its first question; then its library may try as often as it likes."""
USUAL = ("model.safetensors", "diffusion_pytorch_model.safetensors", "open_clip_model.safetensors")
"""The files that libraries write, looked for in this order where no file is named; each may be in shards."""


def downloaded(request: str) -> Path:
    """The file of a request, from the hub or, where that does not answer, from the cache. Raises WeightsError."""
    found = _REQUEST.fullmatch(request)
    if found is None or ".." in request:
        raise WeightsError(f"'{HUB}{request}' names no file of the hub", expected=FORM)
    repository, revision, name = found[1], found[2], found[3]
    hub = _library()
    silent = _silence(hub)
    cached = bool(silent)
    try:
        if name is None:
            name = _usual(repository, _listed(hub, repository, revision, cached=cached))
        path = Path(hub.hf_hub_download(repository, name, revision=revision, local_files_only=cached))
        for shard in _shards(path):
            folder = name.rpartition("/")[0]
            file = f"{folder}/{shard}" if folder else shard
            hub.hf_hub_download(repository, file, revision=revision, local_files_only=cached)
    except WeightsError:
        raise
    except Exception as error:  # whatever the library and its libraries raise
        if silent or isinstance(error, hub.errors.LocalEntryNotFoundError) or _lost(error):
            raise _unreached(hub, repository, name, silent or _no_answer(hub)) from None
        raise _refused(hub, repository, name, revision, error) from None
    return path


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError:
        raise WeightsError(f"'{HUB}' needs the package huggingface_hub", hint="pip install 'archgraph[hub]'") from None
    return huggingface_hub


def _silence(hub: Any) -> str:
    """Why the hub is not to be asked; '' where it answers.

    It is asked once before its library is, which tries for half a minute before it gives up.
    """
    if hub.constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    try:
        hub.utils.get_session().head(hub.constants.ENDPOINT, timeout=PATIENCE)
    except Exception:  # of whichever library huggingface_hub is built on
        return _no_answer(hub)
    return ""


def _no_answer(hub: Any) -> str:
    return f"{hub.constants.ENDPOINT} does not answer"


def _listed(hub: Any, repository: str, revision: str | None, *, cached: bool) -> list[str]:
    """The files of a repository, on the hub or in the cache. Raises what the library raises."""
    if not cached:
        return list(hub.HfApi().list_repo_files(repository, revision=revision))
    kept = Path(hub.snapshot_download(repository, revision=revision, local_files_only=True))
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
    pickles = [name for name in files if name.endswith(_PICKLED)]
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
    errors = hub.errors
    place = f"{HUB}{repository}" + (f"/{name}" if name else "")
    if isinstance(error, errors.GatedRepoError):
        return WeightsError(f"{repository} is open to some only", hint="ask for access there, then `hf auth login`")
    if isinstance(error, errors.RepositoryNotFoundError):
        return WeightsError(f"the hub has no '{repository}'", hint="a private one needs `hf auth login`")
    if isinstance(error, errors.RevisionNotFoundError):
        return WeightsError(f"'{repository}' has no revision '{revision}'")
    if isinstance(error, errors.EntryNotFoundError):
        try:
            files = _listed(hub, repository, revision, cached=False)
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


def _unreached(hub: Any, repository: str, name: str | None, reason: str) -> WeightsError:
    """That a file is neither in the cache nor to be had; and which files of its repository the cache holds."""
    place = f"{HUB}{repository}" + (f"/{name}" if name else "")
    try:
        kept = [file for file in _listed(hub, repository, None, cached=True) if file.endswith(_WEIGHTS)]
    except Exception:
        kept = []
    return WeightsError(
        f"'{place}' is not here: {reason}, and no copy is kept in {hub.constants.HF_HUB_CACHE}",
        received=f"of {repository}: {', '.join(kept[:5])}" if kept else "",
        hint="once downloaded, it is found without a connection: run the command, or `hf download`, when online",
    )


def _lost(error: Exception) -> bool:
    """Whether the connection broke off."""
    names = {each.__name__ for each in type(error).__mro__}
    return bool(names & {"ConnectionError", "ConnectError", "ConnectTimeout", "ReadTimeout", "Timeout"})
