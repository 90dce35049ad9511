"""Every random draw of a run, as a function of what it is for and where in the run it happens.

No generator is carried along: the draws of step 17 of epoch 4 are seeded by (cell's seed, round, purpose, 4, 17). So a
resumed run needs no random state to be saved, and draws exactly what an uninterrupted one would have drawn.
"""

import hashlib
import random

import numpy as np
import torch


def derive(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose: ``derive(0, "order", round, epoch)``. The same on every machine."""
    text = ":".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(device: torch.device, seed: int, *purpose: str | int) -> torch.Generator:
    """A generator on ``device``, seeded by :func:`derive`."""
    return torch.Generator(device=device).manual_seed(derive(seed, *purpose))


def seed_the_model(seed: int, *purpose: str | int) -> None:
    """Seed what a model's own forward pass may draw from, such as dropout: the global states of torch, on every device,
    of numpy and of Python."""
    derived = derive(seed, *purpose)
    torch.manual_seed(derived)
    np.random.seed(derived % 2**32)
    random.seed(derived)
