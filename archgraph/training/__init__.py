"""Training on Lightning: pictures in, a run folder out that `export` and `sample` take as it is.

    recipe            what is settled before the first step
    lazy_images       pictures that stay in their files until they are asked for
    images, image_sources   where pictures come from, broken ones named
    batches           which picture comes when: a function of the seed and the step
    randomness        noise, times and dropout, likewise; so a killed run continues as if nothing had happened
    augment           shifts, turns and flips
    lightning_module  what the tasks share: average of the weights, rates, steps
    diffusion         the loss of denoising
    variational_bound and of a variance that is learned
    classification    the loss of classes
    run_folder, metrics, loss_curve, checkpoint_callback   what a run writes
    hardware          devices, processes and precisions, and whether they are there
    sharding          weights in shards, for networks that no device holds whole
    checkpoints       where to go on, and whether it is the same network
    run               all of it

The one room that imports Lightning. A new task is a LightningModule in a file next to `diffusion`, named in `run`.
"""

from __future__ import annotations

from archgraph.training.hardware import Machine
from archgraph.training.run import TrainingRequest, train
from archgraph.training.run_report import TrainingResult

__all__ = ["Machine", "TrainingRequest", "TrainingResult", "train"]
