"""What a forward pass costs, counted on the model itself."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def forward_gflop(model: nn.Module, side: int) -> float:
    """GFLOP (2 per multiply-add) of one image of ``side``×``side`` pixels, in eval mode, which is restored."""
    parameter = next(model.parameters(), torch.zeros(()))
    training = model.training
    model.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, side, side, device=parameter.device))
    model.train(training)
    operations: int = counter.get_total_flops()
    return operations / 1e9
