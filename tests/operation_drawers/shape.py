"""Random applications of views and joins of tensors."""

from __future__ import annotations

from random import Random

from operation_drawers.sampling import Draw, Drawer, axis, box


def concat(rng: Random) -> Draw:
    shape = box(rng)
    dim = axis(rng, len(shape))
    parts = {f"tensors.{i}": list(shape) for i in range(rng.randint(1, 4))}
    for part in parts.values():
        part[dim % len(shape)] = rng.randint(1, 4)
        if rng.random() < 0.1:
            part[0] += 1
    return {"dim": dim}, {name: tuple(part) for name, part in parts.items()}


def split(rng: Random) -> Draw:
    shape = box(rng)
    dim = axis(rng, len(shape))
    parts = [rng.randint(1, 3) for _ in range(rng.randint(1, 3))]
    total = sum(parts) + (rng.random() < 0.2)
    place = dim % len(shape)
    return {"split_size": parts, "dim": dim}, {"input": (*shape[:place], total, *shape[place + 1 :])}


def chunk(rng: Random) -> Draw:
    shape = tuple(rng.choice([2, 4, 6]) for _ in range(rng.randint(1, 4)))
    return {"chunks": rng.choice([1, 2, 2, 3]), "dim": axis(rng, len(shape))}, {"input": shape}


def reshape(rng: Random) -> Draw:
    shape = [rng.choice([2, 3, 4, 6]) for _ in range(rng.randint(1, 4))]
    target = list(shape)
    rng.shuffle(target)
    target = rng.choice([target, [target[0], -1], [*target, 1], [-1, 4], [-1]])
    if rng.random() < 0.1:
        target[0] += 1
    return {"shape": target}, {"input": tuple(shape)}


def permute(rng: Random) -> Draw:
    shape = box(rng)
    dims = [dim - len(shape) * (rng.random() < 0.3) for dim in rng.sample(range(len(shape)), len(shape))]
    if rng.random() < 0.2:
        dims[0] = axis(rng, len(shape))
    return {"dims": dims}, {"input": shape}


def transpose(rng: Random) -> Draw:
    shape = box(rng)
    return {"dim0": axis(rng, len(shape)), "dim1": axis(rng, len(shape))}, {"input": shape}


def flatten(rng: Random) -> Draw:
    shape = box(rng)
    return {"start_dim": axis(rng, len(shape)), "end_dim": axis(rng, len(shape))}, {"input": shape}


def unsqueeze(rng: Random) -> Draw:
    shape = box(rng, 0, 3)
    return {"dim": [axis(rng, len(shape) + 1 + i) for i in range(rng.randint(1, 3))]}, {"input": shape}


def squeeze(rng: Random) -> Draw:
    shape = tuple(rng.choice([1, 1, 2]) for _ in range(rng.randint(1, 4)))
    return {"dim": [axis(rng, len(shape)) for _ in range(rng.randint(1, 2))]}, {"input": shape}


def expand(rng: Random) -> Draw:
    shape = tuple(rng.choice([1, 1, 2]) for _ in range(rng.randint(1, 3)))
    wide = [rng.choice([size, -1, 3 if size == 1 else size, 2]) for size in shape]
    return {"shape": [rng.choice([2, 2, -1])] * rng.randint(0, 1) + wide}, {"input": shape}


def select(rng: Random) -> Draw:
    shape = box(rng)
    return {"dim": axis(rng, len(shape)), "index": rng.randint(-3, 3)}, {"input": shape}


def slices(rng: Random) -> Draw:
    shape = tuple(rng.randint(1, 7) for _ in range(rng.randint(1, 3)))
    end = rng.choice([None, rng.randint(-5, 7)])
    return {
        "dim": axis(rng, len(shape)),
        "start": rng.randint(-5, 5),
        "end": end,
        "step": rng.randint(1, 3),
    }, {"input": shape}


DRAWERS: dict[str, Drawer] = {
    "concat": concat,
    "split": split,
    "chunk": chunk,
    "reshape": reshape,
    "permute": permute,
    "transpose": transpose,
    "flatten": flatten,
    "unsqueeze": unsqueeze,
    "squeeze": squeeze,
    "expand": expand,
    "select": select,
    "slice": slices,
}
