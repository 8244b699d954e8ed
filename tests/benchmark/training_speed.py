"""Times `archgraph train` beside a plain torch loop over diffusers' UNet2DModel of the same configuration.

    python tests/benchmark/training_speed.py [--steps 20] [--rounds 3] [--device cpu]

Ours also averages the weights, clips the gradient, checks the loss and logs; the plain loop steps AdamW and no more.
The best round counts, since others may use the machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

BATCH, SIDE, WARM = 16, 32, 3
CHANNELS, ATTENTION = [32, 64, 64], [False, True, False]


def ours(steps: int, device: str) -> float:
    """Steps per second, by the seconds that the run logs."""
    import archgraph as ag
    from archgraph.training import Machine, TrainingRequest, train
    from archgraph.training.metrics import read_metrics

    graph = ag.load("ddpm", channels=CHANNELS, attention=ATTENTION, groups=8)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "pictures.npz"
        np.savez(data, images=np.random.default_rng(0).integers(0, 256, (64, SIDE, SIDE, 3)).astype(np.uint8))
        every = {"check_every": 10**6, "save_every": 10**6, "log_every": 1, "held_out": 0.0}
        ordered = TrainingRequest(str(data), {"steps": steps + WARM + 1, "batch": BATCH, **every})
        run = train(graph, ordered, Path(folder) / "run", Machine(device)).folder
        seconds = [float(row["seconds"]) for row in read_metrics(run.metrics)]
    return steps / (seconds[WARM + steps - 1] - seconds[WARM - 1])


def plain(steps: int, device: str) -> float:
    """Steps per second of a loop as a tutorial writes it."""
    import torch
    from references import torchvision, unet2d

    torchvision()  # diffusers meets it through transformers
    network = unet2d(
        sample_size=SIDE,
        block_out_channels=tuple(CHANNELS),
        down_block_types=tuple("AttnDownBlock2D" if each else "DownBlock2D" for each in ATTENTION),
        up_block_types=tuple("AttnUpBlock2D" if each else "UpBlock2D" for each in reversed(ATTENTION)),
        layers_per_block=2,
        downsample_padding=0,
        flip_sin_to_cos=False,
        freq_shift=1,
        norm_num_groups=8,
        attention_head_dim=None,
    ).to(device)
    alpha_bar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0).to(device)
    pictures = torch.randint(0, 256, (64, 3, SIDE, SIDE), dtype=torch.uint8)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    start = 0.0
    for step in range(steps + WARM):
        if step == WARM:
            _wait(device)
            start = time.perf_counter()
        x0 = pictures[torch.randint(0, 64, (BATCH,))].to(device).float() / 127.5 - 1
        t, noise = torch.randint(0, 1000, (BATCH,), device=device), torch.randn_like(x0)
        scale = alpha_bar[t].reshape(-1, 1, 1, 1)
        found = network(scale.sqrt() * x0 + (1 - scale).sqrt() * noise, t).sample
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(found, noise).backward()
        optimizer.step()
    _wait(device)
    return steps / (time.perf_counter() - start)


def _wait(device: str) -> None:
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    rates: dict[str, list[float]] = {"archgraph train": [], "diffusers in a plain loop": []}
    for _ in range(given.rounds):  # in turns, so that a busy machine slows both
        rates["archgraph train"].append(ours(given.steps, given.device))
        rates["diffusers in a plain loop"].append(plain(given.steps, given.device))
    for name, found in rates.items():
        print(f"{name}: {max(found):.2f} steps/s ({', '.join(f'{each:.2f}' for each in found)})")
    mine, theirs = (max(found) for found in rates.values())
    print(f"ratio {mine / theirs:.2f}")


if __name__ == "__main__":
    main()
