"""A network that decides by the values of its input, which no file of fixed operations can."""

from torch import nn


class Gate(nn.Module):
    def forward(self, x):
        if x.mean() > 0:
            return x
        return -x


def network():
    return nn.Sequential(nn.Linear(8, 8), Gate())
