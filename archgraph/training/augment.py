"""Pictures shifted, turned, scaled and mirrored at random, by one affine map each."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from archgraph.training.randomness import Draws
from archgraph.training.recipe import Recipe


def augmented(pictures: Tensor, recipe: Recipe, draws: Draws) -> Tensor:
    """[N, C, H, W] → [N, C, H, W]; the border is continued outwards. Without augmentation, the same tensor."""
    if not (recipe.shift or recipe.rotate or recipe.scale or recipe.flip):
        return pictures
    maps = _maps(recipe, draws, pictures.shape[-2:])
    grid = F.affine_grid(maps, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def _maps(recipe: Recipe, draws: Draws, sides: torch.Size) -> Tensor:
    """[N, 2, 3]: where each place of the result lies in the picture, in units of half a side."""
    height, width = sides
    turn, grow, across, down, mirror = draws.uniform(5).unbind(1)
    angle = (2 * turn - 1) * math.radians(recipe.rotate)
    size = 1 + (2 * grow - 1) * recipe.scale
    sign = torch.where(mirror < 0.5, -1.0, 1.0) if recipe.flip else torch.ones_like(mirror)
    cosine, sine = torch.cos(angle) / size, torch.sin(angle) / size
    left = (2 * across - 1) * recipe.shift * 2 / width
    up = (2 * down - 1) * recipe.shift * 2 / height
    rows = (sign * cosine, -sine * height / width, left, sign * sine * width / height, cosine, up)
    return torch.stack(rows, 1).reshape(-1, 2, 3)
