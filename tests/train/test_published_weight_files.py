"""Weight files of others: where the state dict is looked for in them, and the one line on what cannot be used."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sd import BadInput
from sd.train.models import build
from sd.train.models.published import put_weights, read_weights

WEIGHTS = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}


def saved(folder: Path, content: Any) -> Path:
    path = folder / "weights.th"
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    "content", [WEIGHTS, {"state_dict": WEIGHTS, "best_prec1": 91.7}, {"model": WEIGHTS, "key": "k"}, {"net": WEIGHTS}]
)
def test_a_state_dict_is_found(content: Any, tmp_path: Path) -> None:
    found = read_weights(saved(tmp_path, content))
    assert list(found) == list(WEIGHTS) and torch.equal(found["weight"], WEIGHTS["weight"])


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], {"state_dict": {"a": 1}}, torch.ones(3)])
def test_a_file_without_one_is_one_line(content: Any, tmp_path: Path) -> None:
    path = saved(tmp_path, content)
    with pytest.raises(BadInput, match="holds no state dict, neither bare nor under state_dict, model, net") as refused:
        read_weights(path)
    assert str(refused.value).startswith(str(path))


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    whole = saved(tmp_path, WEIGHTS).read_bytes()
    files = {"cut.pt": whole[: len(whole) // 2], "text.pt": b"hello, world", "empty.pt": b""}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for name in [*files, "absent.pt", "."]:
        with pytest.raises(BadInput) as refused:
            read_weights(tmp_path / name)
        assert "\n" not in str(refused.value) and str(tmp_path / name) in str(refused.value)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    path = saved(tmp_path, nn.Linear(3, 2))
    with pytest.raises(BadInput, match="holds more than tensors and plain values"):
        read_weights(path)


def test_weights_that_fit_are_put_in_and_others_are_named() -> None:
    model, source = build("resnet20_he", 10), Path("he.th")
    weights = {f"module.{name}": tensor + 1 for name, tensor in model.state_dict().items()}
    put_weights(model, weights, arch="resnet20_he", source=source)
    assert torch.equal(model.get_parameter("linear.bias"), weights["module.linear.bias"])
    with pytest.raises(BadInput) as refused:
        put_weights(build("resnet20_he", 100), weights, arch="resnet20_he", source=source)
    assert str(refused.value) == (
        "he.th: is not of resnet20_he: it has of another shape linear.weight [10, 64] for [100, 64], "
        "linear.bias [10] for [100]"
    )
    del weights["module.linear.bias"]
    with pytest.raises(BadInput) as refused:
        put_weights(model, {**weights, "fc.bias": torch.zeros(10)}, arch="resnet20_he", source=source)
    assert str(refused.value) == "he.th: is not of resnet20_he: it lacks linear.bias; it has besides fc.bias"
    with pytest.raises(BadInput, match=r"lacks conv1\.weight, bn1\.weight, bn1\.bias and \d+ more; it has besides"):
        put_weights(model, WEIGHTS, arch="resnet20_he", source=source)


def test_a_file_of_dataparallel_is_of_its_architecture_whichever_it_is(tmp_path: Path) -> None:
    state = {f"module.{name}": tensor for name, tensor in build("resnet8", 10, seed=3).state_dict().items()}
    torch.save(state, tmp_path / "parallel.pt")
    model = build("resnet8", 10)
    put_weights(model, read_weights(tmp_path / "parallel.pt"), arch="resnet8", source=tmp_path / "parallel.pt")
    assert torch.equal(model.state_dict()["linear.weight"], state["module.linear.weight"])
