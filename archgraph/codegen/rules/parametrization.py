"""torch's older forms of weight norm and spectral norm, under whose keys many checkpoints were published.

They leave the computed weight in the module, with the graph of its gradient: no copy of such a module can be made.
"""

from __future__ import annotations

from archgraph.codegen.rules.registry import define

define(
    "release_weight",
    '''
def release_weight(module: nn.Module, *_: object) -> None:
    """Cuts the computed weight off from its gradient, so that the module can be copied."""
    module.weight = module.weight.detach()
''',
)


define(
    "weight_norm",
    '''
def weight_norm(module: nn.Module, dim: int | None = 0) -> nn.Module:
    """torch.nn.utils.weight_norm: the weight is weight_v at the length weight_g, as older checkpoints name them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the newer form has other names
        nn.utils.weight_norm(module, dim=dim)
    release_weight(module)
    module.register_forward_hook(release_weight)
    return module
''',
)


define(
    "spectral_norm",
    '''
def spectral_norm(
    module: nn.Module, n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> nn.Module:
    """torch.nn.utils.spectral_norm: the weight is weight_orig by its largest singular value weight_u · W · weight_v."""
    nn.utils.spectral_norm(module, n_power_iterations=n_power_iterations, eps=eps, dim=dim)
    release_weight(module)
    module.register_forward_hook(release_weight)
    return module
''',
)
