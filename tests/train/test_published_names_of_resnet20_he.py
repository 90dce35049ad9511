"""Weight files of He et al.'s ResNet20 fit by name, as they were published: saved from DataParallel or not."""

import pytest
import torch

from sd.train.models import build, resnet20_he


@pytest.mark.parametrize("prefix", ["", "module."])
def test_names_with_and_without_the_prefix_of_data_parallel_are_taken(prefix: str) -> None:
    published = {prefix + name: tensor for name, tensor in resnet20_he(10).state_dict().items()}
    before = list(published)
    model = build("resnet20_he", 10, seed=3)
    assert not torch.equal(model.get_parameter("linear.weight"), published[f"{prefix}linear.weight"])
    model.load_state_dict(published)
    assert list(published) == before, "the caller's own dictionary is left as it is"
    assert torch.equal(model.get_parameter("linear.weight"), published[f"{prefix}linear.weight"])


def test_the_names_are_those_of_the_published_files() -> None:
    names = set(resnet20_he(10).state_dict())
    layers = {f"layer{s}.{b}.{kind}{n}" for s in (1, 2, 3) for b in range(3) for kind in ("conv", "bn") for n in (1, 2)}
    assert {name.rpartition(".")[0] for name in names} == {"conv1", "bn1", "linear", *layers}


def test_a_name_that_is_not_its_own_is_refused() -> None:
    with pytest.raises(RuntimeError, match="Unexpected key"):
        resnet20_he(10).load_state_dict({**resnet20_he(10).state_dict(), "module.nothing": torch.zeros(1)})
