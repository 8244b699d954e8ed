"""Random applications of reductions, sorting and searching, distances."""

from __future__ import annotations

from random import Random

from operation_drawers.sampling import Draw, Drawer, axis, box


def reduction(rng: Random) -> Draw:
    shape = box(rng)
    dim = rng.choice([None, [], axis(rng, len(shape)), [axis(rng, len(shape)) for _ in range(2)]])
    return {"dim": dim, "keepdim": rng.random() < 0.5}, {"input": shape}


def softmax(rng: Random) -> Draw:
    shape = box(rng)
    return {"dim": axis(rng, len(shape))}, {"input": shape}


def topk(rng: Random) -> Draw:
    shape = box(rng)
    return {"k": rng.randint(1, 3), "dim": axis(rng, len(shape)), "largest": rng.random() < 0.5}, {"input": shape}


def ordered(rng: Random) -> Draw:
    shape = box(rng)
    return {"dim": axis(rng, len(shape)), "descending": rng.random() < 0.5}, {"input": shape}


def searched(rng: Random) -> Draw:
    shape = box(rng, 1, 3)
    row = rng.choice([shape[-1:], (*shape[:-1], 3), (2, 3)])
    return {"right": rng.random() < 0.5}, {"sorted_sequence": row, "input": shape}


def bucketized(rng: Random) -> Draw:
    return {"out_int32": rng.random() < 0.5}, {
        "input": box(rng, 0),
        "boundaries": box(rng, 1, 1) * rng.choice([1, 1, 2]),
    }


def vectors(rng: Random) -> Draw:
    shape = box(rng)
    return {"dim": axis(rng, len(shape))}, {"input": shape}


def two_vectors(rng: Random) -> Draw:
    shape = box(rng, 1, 3)
    other = tuple(rng.choice([size, size, 1, 2]) for size in shape[rng.randint(0, 1) :]) or (1,)
    return {"dim": axis(rng, len(shape))}, {"x1": shape, "x2": other}


def rows_and_rows(rng: Random) -> Draw:
    columns = rng.randint(1, 4)
    one, other = ((*box(rng, 0, 1), rng.choice([2, 30]), columns + (rng.random() < 0.1)) for _ in range(2))
    return {"p": rng.choice([0.0, 1.0, 2.0, 3.0])}, {"x1": one, "x2": other}


def distance(rng: Random) -> Draw:
    _, shapes = two_vectors(rng)
    return {"p": rng.choice([0.5, 2.0]), "keepdim": rng.random() < 0.5}, shapes


DRAWERS: dict[str, Drawer] = {
    **dict.fromkeys(("mean", "sum", "amax"), reduction),
    "unbind": vectors,
    "topk": topk,
    **dict.fromkeys(("sort", "argsort"), ordered),
    "searchsorted": searched,
    "bucketize": bucketized,
    "normalize": vectors,
    "cosine_similarity": two_vectors,
    "pairwise_distance": distance,
    "cdist": rows_and_rows,
    "softmax": softmax,
}
