"""Every number of ours has an address, an address says one number, and a wrong one says what is wrong with it."""

import pytest

from sd import BadInput
from sd.render.address import Address, parse_address


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (Address(2, "resnet18", "cifar10", "aa_cutout", 0.5, "R1"), "table2:ResNet18:CIFAR-10:aug:0.5:R1"),
        (
            Address(3, "resnet20_noskip", "cifar10", "std", 0.2, "SAM"),
            "table3:ResNet20 w/o skip connections:CIFAR-10:std:0.2:SAM",
        ),
        (
            Address(1, "vit_s32", "cifar100", "aa_cutout", 0.5, "T", protocol="vit_literal", checkpoint="last"),
            "table1:ViT-S/32:CIFAR-100:aug:0.5:T:vit_literal@last",
        ),
        (
            Address(4, "resnet18", "svhn", "none", 0.5, "R3", "lambda_max", "svhn (epochs 3)"),
            "table4:ResNet18:SVHN:none:0.5:R3:lambda_max:svhn (epochs 3)",
        ),
    ],
)
def test_an_address_is_read_as_it_is_written(address: Address, text: str) -> None:
    assert str(address) == text
    assert parse_address(text) == address


def test_the_papers_own_protocol_is_understood() -> None:
    own = {"vit_b32": "vit_finetune", "vgg16": "appendix_a"}
    for arch, protocol in own.items():
        assert parse_address(f"table2:{arch}:cifar10:Yes:0.2:teacher").protocol == protocol
    assert parse_address("TABLE5:resnet18:tiny-imagenet:crop_rotate:0.2:t:trace").protocol == "tiny_imagenet"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("table2", "is not the address of a number; give TABLE:ARCH:DATASET:AUG:ALPHA:MODEL"),
        ("table6:ResNet18:CIFAR-10:aug:0.5:R1", "'6' is not a table"),
        ("table2:ResNet181:CIFAR-10:aug:0.5:R1", "'ResNet181' is not an architecture; did you mean 'ResNet18'"),
        ("table2:ResNet18:CIFAR:aug:0.5:R1", "'CIFAR' is not a data set"),
        ("table2:ResNet18:CIFAR-10:auto:0.5:R1", "'auto' is not an augmentation"),
        ("table2:ResNet18:CIFAR-10:aug:half:R1", "'half' is not an alpha"),
        ("table2:ResNet18:CIFAR-10:aug:0.5:R4", "'R4' is not a model"),
        ("table2:ResNet18:CIFAR-10:aug:0.5:R1@first", "'first' is not a checkpoint"),
    ],
)
def test_what_is_no_address_is_one_line(text: str, problem: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_address(text)
    assert problem in str(error.value) and "\n" not in str(error.value)
