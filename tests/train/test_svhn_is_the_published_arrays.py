"""SVHN is read from its MATLAB files: channels first, label 10 is the digit 0."""

from pathlib import Path

import numpy as np
import pytest
import torch
from published import write_svhn

from sd import BadInput
from sd.train.datasets import load, prepare
from sd.train.datasets.prepared import is_prepared


def test_pixels_and_labels_before_and_after_it_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = write_svhn(tmp_path, monkeypatch)
    direct = load("svhn", tmp_path)
    prepare("svhn", tmp_path)
    assert is_prepared("svhn", tmp_path)
    for data in (direct, load("svhn", tmp_path)):
        for split in ("train", "test"):
            images, labels = data.split(split)
            pixels, published = written[split]
            assert images.dtype == torch.uint8 and labels.dtype == torch.int64 and images.is_contiguous()
            for n in range(len(labels)):
                assert np.array_equal(images[n].permute(1, 2, 0).numpy(), pixels[:, :, :, n])
                assert int(labels[n]) == published[n, 0] % 10
        assert (data.policy, data.cutout, data.classes) == ("svhn", 20, 10)


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_svhn(tmp_path, monkeypatch)
    file = tmp_path / "test_32x32.mat"
    blob = bytearray(file.read_bytes())
    blob[-9] ^= 1
    file.write_bytes(blob)
    with pytest.raises(
        BadInput, match=r"svhn is not \(whole\) under .*; fetch it with: python -m sd.data prepare svhn"
    ):
        load("svhn", tmp_path)
