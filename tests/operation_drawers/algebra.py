"""Random applications of linear layers, matrix products and attention."""

from __future__ import annotations

from random import Random

from operation_drawers.sampling import Draw, Drawer, axis, box, parametrization


def linear(rng: Random) -> Draw:
    attributes, shapes = {"out_features": rng.randint(1, 9), "bias": rng.random() < 0.5}, {"input": box(rng)}
    return attributes | parametrization(rng, 2), shapes


def matmul(rng: Random) -> Draw:
    rows, inner, columns = (rng.randint(1, 4) for _ in range(3))
    other = inner if rng.random() < 0.8 else inner + 1
    leading = [[rng.choice([1, 2, 3]) for _ in range(rng.randint(0, 2))] for _ in range(2)]
    return {}, {"input": (*leading[0], rows, inner), "other": (*leading[1], other, columns)}


def attention(rng: Random) -> Draw:
    batch, length, source, heads = rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 4), rng.choice([1, 2, 3])
    channels, inner = rng.choice([4, 6, 12]), rng.choice([6, 12])
    shapes = {"query": (batch, length, channels), "key": (batch, source, channels), "value": (batch, source, inner)}
    if rng.random() < 0.1:
        shapes["value"] = batch, source + 4, inner
    if rng.random() < 0.4:
        scores = (batch, heads, length, source)
        wrong = rng.random() < 0.3
        mask = tuple(rng.choice([1, size]) + (wrong and size == length) for size in scores)
        shapes["mask"] = mask[rng.choice([0, 1, 2, 2, 3, 4]) :]
    causal = "mask" not in shapes and rng.random() < 0.5
    if rng.random() < 0.3:  # heads that are apart already
        for port in ("query", "key", "value"):
            rows, tokens, width = shapes[port]
            shapes[port] = (rows, heads + (rng.random() < 0.05), tokens, width)
        heads = 1 if rng.random() < 0.9 else heads
    return {"num_heads": heads, "is_causal": causal}, shapes


EQUATIONS = (
    *("ij,jk->ik", "bij,bjk->bik", "bij,bkj->bik", "i,j->ij", "ij,ij->ij", "ij,ij->", "ii->i", "ij->ji", "bi,bi->b"),
    *("...ij,...jk->...ik", "ij,jk", "bhid,bhjd->bhij", "i...,...j->i...j", "ij->", "iij->j", "i,ij,j->"),
)


def einsum(rng: Random) -> Draw:
    """Sizes of letters, 1 or another one now and then."""
    text = rng.choice(EQUATIONS)
    sizes: dict[str, int] = {}
    shapes = {}
    for i, side in enumerate(text.partition("->")[0].split(",")):
        letters = side.replace("...", "x" * rng.randint(1, 2) if rng.random() < 0.8 else "")
        drawn = [sizes.setdefault(letter, rng.randint(1, 4)) for letter in letters]
        shapes[f"operands.{i}"] = tuple(rng.choice([size] * 8 + [1, 5]) for size in drawn)
    return {"equation": text}, shapes


def tensordot(rng: Random) -> Draw:
    shape = tuple(rng.randint(1, 3) for _ in range(3))
    if rng.random() < 0.5:
        return {"dims": rng.randint(0, 3)}, {"a": shape, "b": (*shape[1:], 2)}
    return {"dims": [[0, -1], [rng.choice([2, 1]), 0]]}, {"a": shape, "b": (shape[2], 4, shape[0])}


def with_sum(leading: int) -> Drawer:
    def draw(rng: Random) -> Draw:
        n, a, b, c = (rng.randint(1, 3) for _ in range(4))
        names = ("batch1", "batch2") if leading else ("mat1", "mat2")
        added = tuple(rng.choice([size, size, 1]) for size in ((n,) * leading + (a, c)))[rng.randint(0, 2) :]
        shapes = {names[0]: (n,) * leading + (a, b), names[1]: (n,) * leading + (b + (rng.random() < 0.1), c)}
        return {"beta": rng.choice([1, 0.5]), "alpha": rng.choice([1, -2])}, {"input": added, **shapes}

    return draw


def bilinear(rng: Random) -> Draw:
    leading = box(rng, 0, 2)
    wrong = (*leading[:-1], 5) if leading and rng.random() < 0.1 else leading
    shapes = {"input1": (*leading, rng.randint(1, 3)), "input2": (*wrong, rng.randint(1, 3))}
    return {"out_features": rng.randint(1, 3), "bias": rng.random() < 0.5}, shapes


def cross(rng: Random) -> Draw:
    shape = tuple(rng.choice([1, 3, 3, 3]) for _ in range(rng.randint(1, 3)))
    other = tuple(rng.choice([1, 3, 3, 3]) if size == 3 else size for size in shape)
    return {"dim": axis(rng, len(shape))}, {"input": shape, "other": other}


DRAWERS: dict[str, Drawer] = {
    "einsum": einsum,
    "tensordot": tensordot,
    "addmm": with_sum(0),
    "baddbmm": with_sum(1),
    "bilinear": bilinear,
    "cross": cross,
    "linear": linear,
    "matmul": matmul,
    "scaled_dot_product_attention": attention,
}
