"""The data set ``digits``, which comes with scikit-learn."""

import numpy as np
import torch

from sd.train.datasets.dataset import Dataset


def enlarged_digits() -> Dataset:
    """scikit-learn's 1,797 handwritten digits (UCI, 8×8, 17 grey levels), enlarged to 32×32, three equal channels.

    Split 1,000/797, stratified, fixed (``random_state=0``).
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw = load_digits()
    train, test = train_test_split(np.arange(1797), train_size=1000, stratify=raw.target, random_state=0)
    small = torch.from_numpy(raw.images).float().unsqueeze(1) * (255 / 16)
    large = torch.nn.functional.interpolate(small, size=32, mode="bilinear", align_corners=False)
    images = large.round().clamp(0, 255).to(torch.uint8).expand(-1, 3, -1, -1).contiguous()
    labels = torch.from_numpy(raw.target).long()
    pixels = images[train].float() / 255
    mean, std = float(pixels.mean()), float(pixels.std())
    return Dataset(images[train], labels[train], images[test], labels[test], 10, (mean, mean, mean), (std, std, std))
