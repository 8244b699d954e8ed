"""Pictures shifted, turned, scaled and mirrored at random, by one affine map each."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from archgraph.training.randomness import Draws
from archgraph.training.recipe import Recipe

IGNORED = 255
"""The value of a mask's pixels that have no class."""


def augmented(pictures: Tensor, recipe: Recipe, draws: Draws) -> Tensor:
    """[N, C, H, W] → [N, C, H, W]; the border is continued outwards. Without augmentation, the same tensor."""
    if not _moves(recipe):
        return pictures
    return F.grid_sample(pictures, _grid(pictures, recipe, draws), padding_mode="border", align_corners=False)


def augmented_pairs(pictures: Tensor, masks: Tensor, recipe: Recipe, draws: Draws) -> tuple[Tensor, Tensor]:
    """Pictures [N, C, H, W] and their masks [N, H, W], each pair by one map. No class is outside of a picture."""
    if not _moves(recipe):
        return pictures, masks
    grid = _grid(pictures, recipe, draws)
    moved = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    raised = (masks + 1).remainder(IGNORED + 1)[:, None].to(pictures.dtype)  # no class is 0, as outside of the picture
    classes = F.grid_sample(raised, grid, mode="nearest", align_corners=False)[:, 0].round().to(masks.dtype)
    return moved, torch.where(classes == 0, IGNORED, classes - 1)


def _moves(recipe: Recipe) -> bool:
    return bool(recipe.shift or recipe.rotate or recipe.scale or recipe.flip)


def _grid(pictures: Tensor, recipe: Recipe, draws: Draws) -> Tensor:
    return F.affine_grid(_maps(recipe, draws, pictures.shape[-2:]), list(pictures.shape), align_corners=False)


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
