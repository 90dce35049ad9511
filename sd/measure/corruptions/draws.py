"""What a corruption draws at random: for each image from a generator of its own, so that batches do not matter."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from sd.train.randomness import generator


@dataclass(frozen=True)
class Draws:
    """The random numbers of one corruption at one severity, for the images ``rows`` of a data set."""

    device: torch.device
    seed: int
    name: str
    severity: int
    rows: tuple[int, ...]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal, float64, (n, *shape)."""
        return self._each(lambda one: torch.randn(shape, generator=one, device=self.device, dtype=torch.float64))

    def uniform(self, *shape: int) -> Tensor:
        """Uniform in [0, 1), float64, (n, *shape)."""
        return self._each(lambda one: torch.rand(shape, generator=one, device=self.device, dtype=torch.float64))

    def poisson(self, rates: Tensor) -> Tensor:
        """Poisson of these rates, (n, …)."""
        return torch.stack([torch.poisson(rate, own) for rate, own in zip(rates, self._generators(), strict=True)])

    def _each(self, draw: Callable[[Generator], Tensor]) -> Tensor:
        return torch.stack([draw(own) for own in self._generators()])

    def _generators(self) -> Iterator[Generator]:
        for row in self.rows:
            yield generator(self.device, self.seed, "corruption", self.name, self.severity, row)
