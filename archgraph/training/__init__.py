"""Training on Lightning: pictures in, a run folder out that `export` and `sample` take as it is.

    recipe            what is settled before the first step
    lazy_images       pictures that stay in their files until they are asked for
    images, image_sources   where pictures come from, broken ones named
    mask_files, masked_pictures   masks, and pairs of pictures and masks
    batches           which picture comes when: a function of the seed and the step
    randomness        noise, times and dropout, likewise; so a killed run continues as if nothing had happened
    augment           shifts, turns and flips
    parameter_groups  what is frozen, and rates by path
    lightning_module  what the tasks share: average of the weights, rates, steps
    classification, segmentation, diffusion, caller_learning   the losses of the tasks, and of none
    segmentation_metrics    IoU and Dice from counts
    variational_bound the loss of a variance that is learned
    caller_loss, loss_trial   a loss that the caller hands in, and its trial before the first step
    task, task_definition, …_task   which task, and whether network and pictures fit it
    best_weights      the best evaluation, and the end of a run that gets no better
    run_folder, run_report, metrics, loss_curve, checkpoint_callback   what a run writes
    hardware          devices, processes and precisions, and whether they are there
    sharding          weights in shards, for networks that no device holds whole
    checkpoints       where to go on, and whether it is the same network
    fitting           the trainer, from the first step to the last
    run               all of it

The one room that imports Lightning.
"""

from __future__ import annotations

from archgraph.training.hardware import Machine
from archgraph.training.run import TrainingRequest, train
from archgraph.training.run_report import TrainingResult

__all__ = ["Machine", "TrainingRequest", "TrainingResult", "train"]
