"""The jobs of values_on_gpu.py: an operation, a network or a sampling run in one element type, case by case.

    python tests/cuda/value_jobs.py DEVICE

Reads jobs as lines of JSON and answers each case with a line before it begins and one when it is done, so that a
process that CUDA has ended is known by the case that it was at.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import value_cases
from narrow_variants import variants
from value_cases import REFUSED, RIGHT, WRONG, Result, Trial, opened, profile_for, worst

import archgraph as ag
from archgraph.errors import ArchgraphError, VerificationError

OPERATION, NETWORK, SAMPLING = "operation", "network", "sampling"
POISONED = re.compile(r"CUDA failure \d+|illegal memory access|misaligned address|launch failure", re.IGNORECASE)
"""After some of these errors nothing else works in a process."""
ENDED = 3
"""The status with which a process ends after one."""
REPLAYS = 3
"""The first run of a shape binds its buffers, the second captures a graph, the third replays it."""
LARGEST_DIFFERENCE = 5e-4
"""Of pictures in [-1, 1] that two loops over float32 networks draw; see tests/benchmark/running.py."""
SAMPLERS = ("ddpm", "ddim", "dpmpp_2m")
STEPS = 5

Cases = dict[str, Callable[[], Result]]


@dataclass(frozen=True)
class Job:
    """What a process is asked for; `apart` if the applications of an operation do not work in one file."""

    kind: str
    name: str
    dtype: str
    apart: bool = False
    done: Sequence[str] = ()


def results(job: Job, device: str, folder: Path) -> Iterator[dict[str, Any]]:
    """A line for the beginning of each case, and one for its end."""
    if job.kind == OPERATION and not job.apart and not value_cases.lacking(job.name, job.dtype):
        yield {"begun": ""}
        try:
            found = value_cases.together(job.name, job.dtype, device, folder)
        except Exception as error:  # whose fault it was is seen where each has a file of its own
            yield {"together": str(error)[:300], "poisoned": _poisons(error)}
        else:
            if all(each.status == RIGHT for each in found):
                yield from ({"result": asdict(each)} for each in found)
                return
    for name, work in _cases(job, device, folder).items():
        if name not in job.done:
            yield {"begun": name}
            yield from _outcome(name, work)


def _cases(job: Job, device: str, folder: Path) -> Cases:
    if job.kind == OPERATION:
        each = value_cases.applications(job.name)
        return {str(one): partial(value_cases.apart, one, job.dtype, device, folder) for one in each}
    if job.kind == NETWORK:
        return network_cases(job, device, folder)
    return {name: partial(sampled, name, device, folder) for name in SAMPLERS}


def _outcome(name: str, work: Callable[[], Result]) -> Iterator[dict[str, Any]]:
    try:
        yield {"result": asdict(replace(work(), case=name))}
    except ArchgraphError as error:
        status = REFUSED if not isinstance(error, VerificationError) and not _poisons(error) else WRONG
        yield {"result": asdict(Result(name, status, text=_line(error))), "poisoned": _poisons(error)}
    except Exception as error:  # one failing case never stops the rest
        yield {"result": asdict(Result(name, WRONG, text=_line(error))), "poisoned": _poisons(error)}


def _poisons(error: Exception) -> bool:
    return POISONED.search(f"{error} {error.__cause__}") is not None


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:600]}"


# -- networks ----------------------------------------------------------------------------------------------------------


def network_cases(job: Job, device: str, folder: Path) -> Cases:
    """Both profiles at both sizes, and replayed graphs against plain runs of the same file."""
    made: list[Trial] = []

    def trial() -> Trial:
        if not made:
            spec, params = variants()[job.name]
            made.append(Trial(ag.load(spec, **params), job.dtype))
        return made[0]

    profiles = (profile_for(device), "portable")
    found: Cases = {f"profile {profile}": partial(_network, trial, profile, device, folder) for profile in profiles}
    return found | ({"cuda graph": partial(_replayed, trial, folder)} if device == "cuda" else {})


def _network(trial: Callable[[], Trial], profile: str, device: str, folder: Path) -> Result:
    it = trial()
    return worst(profile, list(it.compared(opened(it.exported(profile, folder), device))))


def _replayed(trial: Callable[[], Trial], folder: Path) -> Result:
    """What a captured graph gives for other inputs than those it was captured with."""
    it = trial()
    path = it.exported("cuda", folder)
    plain, graph = opened(path, "cuda"), opened(path, "cuda", cuda_graph=True)
    equal, measured = True, []
    for i, case in enumerate(it.cases):
        other = {name: np.zeros_like(array) for name, array in it.inputs[i].items()}
        for _ in range(REPLAYS - 1):
            graph(other)
        expected, replayed = plain(it.inputs[i]), graph(it.inputs[i])
        equal &= all(np.array_equal(expected[name], replayed[name], equal_nan=True) for name in expected)
        measured += it.judged(i, replayed, case)
    found = worst("cuda graph", measured)
    return replace(found, text=found.text or ("equal" if equal else "within bounds"))


# -- sampling ----------------------------------------------------------------------------------------------------------


def sampled(sampler: str, device: str, folder: Path) -> Result:
    """A few steps on a device, against those of the portable file on the CPU."""
    from archgraph.diffusion import Schedule, sample
    from archgraph.runtime import Session

    spec, params = variants()["ddpm"]
    trial = Trial(ag.load(spec, **params), "float32")
    noise = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float32)
    pictures = []
    for profile, place in (("portable", "cpu"), (profile_for(device), device)):
        how: dict[str, Any] = {"schedule": Schedule(kind="linear"), "prediction": "epsilon", "clip": True}
        with Session(trial.exported(profile, folder), place) as session:
            pictures.append(sample(session, noise=noise, sampler=sampler, steps=STEPS, **how))
    difference = float(np.abs(pictures[0] - pictures[1]).max())
    wrong = not difference <= LARGEST_DIFFERENCE
    text = f"pictures differ by {difference:.1e}; {LARGEST_DIFFERENCE:.1e} is allowed" if wrong else ""
    return Result(sampler, WRONG if wrong else RIGHT, difference / LARGEST_DIFFERENCE, text)


def main() -> None:
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    device, answers = sys.argv[1], sys.stdout
    sys.stdout = sys.stderr  # what others print is no answer
    for line in sys.stdin:
        with tempfile.TemporaryDirectory() as folder:
            for answer in results(Job(**json.loads(line)), device, Path(folder)):
                print(json.dumps(answer), file=answers, flush=True)
                if answer.get("poisoned"):
                    sys.exit(ENDED)
        print(json.dumps({"finished": True}), file=answers, flush=True)


if __name__ == "__main__":
    main()
