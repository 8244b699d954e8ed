"""Where each family of samplers picks its times, and with how much noise it begins, against diffusers; which inputs
make a network of diffusion."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from diffusers import DPMSolverMultistepScheduler, EulerDiscreteScheduler

from archgraph.artifact.tensor_specs import TensorSpec
from archgraph.diffusion import Schedule
from archgraph.diffusion.coefficients import Mix
from archgraph.diffusion.denoisers import ports
from archgraph.diffusion.noise_levels import interval_ends, noise_levels
from archgraph.errors import SamplingError

SPACINGS = ("leading", "trailing", "linspace")
pytestmark = pytest.mark.filterwarnings("ignore:__array_:DeprecationWarning")  # numpy's, of what diffusers does
BETAS: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012}


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(("train_steps", "steps"), [(10, 3), (10, 9), (1000, 1), (1000, 20), (1000, 999)])
def test_ends_of_intervals_are_those_of_diffusers(spacing: str, train_steps: int, steps: int) -> None:
    theirs = DPMSolverMultistepScheduler(num_train_timesteps=train_steps, timestep_spacing=spacing, **BETAS)
    theirs.set_timesteps(steps)
    ours = interval_ends(Schedule(train_steps=train_steps, spacing=spacing, **BETAS), steps)
    np.testing.assert_array_equal(ours.times, theirs.timesteps.numpy())


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("steps", [2, 20])
def test_a_run_begins_with_as_much_noise_as_that_of_diffusers(spacing: str, steps: int) -> None:
    """Their x is ours times √(1 + σ²), which the first level has."""
    theirs = EulerDiscreteScheduler(beta_schedule="scaled_linear", timestep_spacing=spacing, **BETAS)
    theirs.set_timesteps(steps)
    length = np.hypot(1, float(theirs.sigmas[0]))
    ours = noise_levels(Schedule("scaled_linear", spacing=spacing, **BETAS), steps)
    assert ours.start == pytest.approx(float(theirs.init_noise_sigma) / length, rel=1e-5)
    np.testing.assert_allclose(ours.times, theirs.timesteps.numpy(), rtol=1e-6, atol=1e-4)


def test_what_has_no_share_is_left_out() -> None:
    x, infinite = np.array([2.0]), np.array([np.inf])
    assert Mix().of(x, infinite, infinite, [infinite]).tolist() == [0.0]
    assert Mix(sample=0.5).of(x, infinite, infinite, [infinite]).tolist() == [1.0]
    assert Mix(0.5, 2.0, 3.0, (4.0, 0.0)).of(x, 10 * x, 100 * x, [1000 * x, infinite]).tolist() == [8641.0]


def network(inputs: dict[str, tuple[Any, ...]], outputs: dict[str, tuple[Any, ...]]) -> Any:
    """What `ports` reads of a session."""
    specs = [tuple(TensorSpec(name, "float32", shape) for name, shape in each.items()) for each in (inputs, outputs)]
    about = SimpleNamespace(time_branch_of="")
    return SimpleNamespace(inputs=specs[0], outputs=specs[1], path="m.onnx", metadata=about)


IMAGE: dict[str, tuple[Any, ...]] = {"x": ("N", 3, "H", "W")}
TIME: dict[str, tuple[Any, ...]] = {"t": ("N",)}


@pytest.mark.parametrize(
    ("others", "time", "label"),
    [
        (TIME, "t", None),
        ({"anything": ()}, "anything", None),
        (TIME | {"y": ("N",)}, "t", "y"),
        ({"y": ("N",)} | TIME, "t", "y"),
        ({"labels": ("N",), "when": ("N",)}, "when", "labels"),
        ({"condition": (), "timestep": ()}, "timestep", "condition"),
    ],
)
def test_times_and_labels_are_told_apart(others: Any, time: str, label: str | None) -> None:
    found = ports(network(IMAGE | others, {"eps": IMAGE["x"]}))
    assert (found.image.name, found.time.name, found.output.name) == ("x", time, "eps")
    assert (found.label and found.label.name) == label


@pytest.mark.parametrize(
    "others",
    [
        {},
        TIME | {"y": ("N",), "class_labels": ("N",)},
        TIME | {"text": ("N", 77, 768)},
        TIME | {"mask": ("N", 1, "H", "W")},
        {"timestep": ("N",), "t": ("N",)},
    ],
)
def test_further_inputs_make_another_network(others: Any) -> None:
    with pytest.raises(SamplingError, match="is no diffusion network"):
        ports(network(IMAGE | others, {"eps": IMAGE["x"]}))


@pytest.mark.parametrize(("given", "answered", "right"), [(3, 3, True), (3, 6, True), (3, 9, False), (3, 1, False)])
def test_a_network_answers_with_its_channels_or_twice_as_many(given: int, answered: int, right: bool) -> None:
    session = network({"x": ("N", given, 8, 8)} | TIME, {"eps": ("N", answered, 8, 8)})
    if right:
        assert ports(session).output.shape[1] == answered
    else:
        with pytest.raises(SamplingError, match="does not predict an image like the one it is given"):
            ports(session)
