"""Random applications of normalization."""

from __future__ import annotations

from random import Random

from operation_drawers.sampling import Draw, Drawer, box, over_axes, space


def batch_norm(rng: Random, axes: int) -> Draw:
    shape = (rng.randint(1, 3), rng.randint(1, 6), *space(rng, axes - (axes == 1 and rng.random() < 0.3), 3, 12))
    return {key: rng.random() < 0.5 for key in ("affine", "track_running_stats")}, {"input": shape}


def group_norm(rng: Random) -> Draw:
    return {"num_groups": rng.randint(1, 3), "affine": rng.random() < 0.5}, {
        "input": (1, rng.randint(1, 6), *box(rng, 0, 2))
    }


def layer_norm(rng: Random) -> Draw:
    shape = box(rng)
    last = list(shape[-rng.randint(1, len(shape)) :])
    last[0] += rng.random() < 0.2
    return {"normalized_shape": rng.choice([None, last])}, {"input": shape}


def instance_norm(rng: Random, axes: int) -> Draw:
    return {"affine": rng.random() < 0.5}, {"input": (2, rng.randint(1, 4), *space(rng, axes, 1, 2))}


def local_response_norm(rng: Random) -> Draw:
    numbers = {"alpha": rng.choice([1e-4, 0.5]), "beta": rng.choice([0.75, 0.5]), "k": rng.choice([1.0, 2.0])}
    return {"size": rng.randint(1, 6), **numbers}, {"input": (2, rng.randint(1, 4), *box(rng, 0, 3))}


DRAWERS: dict[str, Drawer] = {
    **over_axes("batch_norm", batch_norm),
    **over_axes("instance_norm", instance_norm),
    "local_response_norm": local_response_norm,
    "group_norm": group_norm,
    "layer_norm": layer_norm,
    "rms_norm": layer_norm,
}
