"""ImageNet is kept after CLIP's preprocessing: the pixels of torchvision's Resize(224, bicubic) and CenterCrop(224)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from published import of_size, photograph, saved, write_imagenet, write_imagenetv2
from torchvision.datasets import ImageFolder
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

from sd import BadInput
from sd.train.datasets import load, prepare
from sd.train.datasets.pictures import resized_and_cropped

AS_CLIP = Compose([Resize(224, InterpolationMode.BICUBIC), CenterCrop(224)])


def test_every_pixel_and_label_is_torchvisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_imagenet(tmp_path)
    of_size(monkeypatch, "imagenet", classes=2, train=8, test=4)
    prepare("imagenet", tmp_path, workers=2)
    data = load("imagenet", tmp_path)
    assert data.train_images.shape == (8, 3, 224, 224)
    for split, kept in (("train", "train"), ("val", "test")):
        images, labels = data.split(kept)
        theirs = ImageFolder(folder / split, transform=AS_CLIP)
        assert labels.tolist() == theirs.targets
        for n, (image, _) in enumerate(theirs):
            assert torch.equal(images[n], torch.from_numpy(np.array(image)).permute(2, 0, 1))
    assert data.mean == (0.48145466, 0.4578275, 0.40821073)


def test_shapes_at_which_rounding_matters() -> None:
    for width in range(223, 240):
        for height in (224, 225, 301):
            image = photograph(0, (width, height))
            assert np.array_equal(np.array(resized_and_cropped(image, side=224)), np.array(AS_CLIP(image)))


def test_a_class_that_one_split_lacks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_imagenet(tmp_path)
    saved(photograph(0, (300, 300)), folder / "train" / "n03" / "0.JPEG")
    with pytest.raises(BadInput, match=r"imagenet: class n03 is not in both train and val"):
        prepare("imagenet", tmp_path)


def test_where_it_is_not_the_line_says_what_must_be_put_there(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"cannot be downloaded; put train and val there.* or ILSVRC2012_img_train.tar, "
    ):
        prepare("imagenet", tmp_path)
    write_imagenet(tmp_path, val=0)
    with pytest.raises(BadInput, match=r"put val there, .* or ILSVRC2012_img_val.tar, ILSVRC2012_devkit_t12.tar.gz"):
        prepare("imagenet", tmp_path)


def test_the_label_of_imagenetv2_is_the_number_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each class has a red of its own."""
    write_imagenetv2(tmp_path, monkeypatch)
    prepare("imagenetv2", tmp_path)
    data = load("imagenetv2", tmp_path)
    assert data.train_images.shape == (0, 3, 224, 224) and len(data.train_labels) == 0
    assert data.test_labels.tolist() == list(range(11))
    red = data.test_images[:, 0].float().mean((1, 2))
    assert ((red / 20).round().long() == data.test_labels).all()


def test_a_folder_of_imagenetv2_that_is_no_number_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_imagenetv2(tmp_path, monkeypatch)
    (folder / "n01440764").mkdir()
    with pytest.raises(BadInput, match="n01440764: is not the number of a class"):
        prepare("imagenetv2", tmp_path)
