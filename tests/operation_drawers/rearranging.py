"""Random applications of repetition, diagonals and other rearrangements."""

from __future__ import annotations

from random import Random

from operation_drawers.sampling import Draw, Drawer, axis, box


def roll(rng: Random) -> Draw:
    shape = box(rng)
    dims = rng.sample(range(len(shape)), rng.randint(1, len(shape)))
    shifts = [rng.randint(-3, 3) for _ in range(len(dims) + (rng.random() < 0.1))]
    return {"shifts": shifts, "dims": dims}, {"input": shape}


def stack(rng: Random) -> Draw:
    shape = box(rng, 0, 3)
    parts = {
        f"tensors.{i}": (*shape[:-1], 9) if shape and rng.random() < 0.1 else shape for i in range(rng.randint(1, 3))
    }
    return {"dim": axis(rng, len(shape) + 1)}, parts


def tile(rng: Random) -> Draw:
    return {"dims": [rng.randint(1, 3) for _ in range(rng.randint(1, 4))]}, {"input": box(rng, 0, 3)}


def repeat(rng: Random) -> Draw:
    return {"repeats": [rng.randint(1, 3) for _ in range(rng.randint(1, 4))]}, {"input": box(rng, 1, 3)}


def repeat_interleave(rng: Random) -> Draw:
    shape = box(rng, 1, 3)
    return {"repeats": rng.randint(1, 3), "dim": rng.choice([None, axis(rng, len(shape))])}, {"input": shape}


def flip(rng: Random) -> Draw:
    shape = box(rng)
    return {"dims": [axis(rng, len(shape)) for _ in range(rng.randint(1, 2))]}, {"input": shape}


def meshgrid(rng: Random) -> Draw:
    parts = {f"tensors.{i}": (rng.randint(1, 4),) * rng.choice([0, 1, 1, 1]) for i in range(rng.randint(1, 3))}
    return {"indexing": rng.choice(["ij", "xy"])}, parts


def triangle(rng: Random) -> Draw:
    return {"diagonal": rng.randint(-3, 3)}, {"input": box(rng, 1, 3)}


def diagonal(rng: Random) -> Draw:
    shape = box(rng, 2, 4)
    dims = {f"dim{i}": axis(rng, len(shape)) for i in (1, 2)}
    return {"offset": rng.randint(-2, 2), **dims}, {"input": shape}


def diag_embed(rng: Random) -> Draw:
    shape = box(rng, 1, 3)
    dims = {f"dim{i}": axis(rng, len(shape) + 1) for i in (1, 2)}
    return {"offset": rng.randint(-2, 2), **dims}, {"input": shape}


def movedim(rng: Random) -> Draw:
    shape = box(rng)
    both = ([axis(rng, len(shape)) for _ in range(rng.randint(1, min(2, len(shape))))] for _ in range(2))
    return dict(zip(("source", "destination"), both, strict=True)), {"input": shape}


def unflatten(rng: Random) -> Draw:
    shape = tuple(rng.choice([2, 4, 6]) for _ in range(rng.randint(1, 3)))
    return {"dim": axis(rng, len(shape)), "sizes": rng.choice([[2, -1], [-1, 2, 1], [2, 2], [-1]])}, {"input": shape}


def broadcast_tensors(rng: Random) -> Draw:
    shape = box(rng, 1, 3)
    parts = ([rng.choice([1, size]) for size in shape[rng.randint(0, 1) :]] for _ in range(rng.randint(1, 3)))
    return {}, {f"tensors.{i}": tuple(part) for i, part in enumerate(parts)}


DRAWERS: dict[str, Drawer] = {
    "stack": stack,
    "tile": tile,
    "repeat": repeat,
    "repeat_interleave": repeat_interleave,
    "flip": flip,
    "meshgrid": meshgrid,
    **dict.fromkeys(("tril", "triu"), triangle),
    "diagonal": diagonal,
    "diag_embed": diag_embed,
    "movedim": movedim,
    "unflatten": unflatten,
    "broadcast_tensors": broadcast_tensors,
    "roll": roll,
}
