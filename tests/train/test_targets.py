"""What the controls of distillation teach: labels as soft as a teacher, another image's answers, a rising alpha."""

import math
from collections import Counter
from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical
from torch.nn import functional as F

from sd.train.losses import distillation, divergence
from sd.train.targets import annealed, entropies, entropy_of, epsilon_of, exchanged, share_alone, smoothed


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=100, deadline=None)
@given(epsilon=st.floats(1e-12, 1), classes=st.integers(2, 1000), tau=st.floats(0.5, 20))
def test_smoothed_labels_are_the_mixture_that_their_name_says(epsilon: float, classes: int, tau: float) -> None:
    labels = torch.tensor([0, classes - 1])
    expected = (1 - epsilon) * F.one_hot(labels, classes).double() + epsilon / classes
    found = (smoothed(labels, classes, epsilon=epsilon, tau=tau).double() / tau).softmax(1)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(epsilon=st.floats(1e-9, 1), classes=st.integers(2, 1000))
def test_their_entropy_is_that_of_torchs_distribution(epsilon: float, classes: int) -> None:
    p = torch.full((classes,), epsilon / classes, dtype=torch.float64)
    p[1] += 1 - epsilon
    assert entropy_of(epsilon, classes) == pytest.approx(float(Categorical(p).entropy()), rel=1e-9, abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(share=st.floats(1e-12, 1), classes=st.integers(2, 1000))
def test_each_entropy_up_to_log_k_has_one_epsilon(share: float, classes: int) -> None:
    entropy = share * math.log(classes)
    epsilon = epsilon_of(entropy, classes)
    assert 0 < epsilon <= 1
    assert entropy_of(epsilon, classes) == pytest.approx(entropy, rel=1e-12)
    smaller, larger = epsilon * (1 - 1e-6), min(1.0, epsilon * (1 + 1e-6))
    assert entropy_of(smaller, classes) < entropy <= entropy_of(larger, classes) + 1e-12


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_the_ends_of_epsilon(classes: int) -> None:
    """Labels that keep nothing of themselves at log K, even if rounding put it above that; a finite loss at 0."""
    assert entropy_of(0, classes) == 0
    assert entropy_of(1, classes) == pytest.approx(math.log(classes), rel=1e-12)
    assert epsilon_of(math.log(classes) + 1e-9, classes) == pytest.approx(1, abs=1e-6)
    student = torch.randn(3, classes, generator=draws(0))
    labels = torch.tensor([0, 1, 1])
    sure = smoothed(labels, classes, epsilon=epsilon_of(0.0, classes), tau=4.0)
    expected = 0.5 * F.cross_entropy(student, labels) + 0.5 * 16 * F.cross_entropy(student / 4, labels)
    assert float(distillation(student, sure, labels, alpha=0.5, tau=4.0)) == pytest.approx(float(expected), rel=1e-5)


def test_entropies_are_torchs() -> None:
    logits = 30 * torch.randn(50, 7, generator=draws(1))
    expected = Categorical(logits=logits.double() / 4).entropy()
    assert torch.allclose(entropies(logits, tau=4.0), expected, rtol=1e-12)
    assert entropies(torch.tensor([[0.0, -1e5]]), tau=1.0).tolist() == [0.0]


@settings(max_examples=200, deadline=None)
@given(labels=st.lists(st.integers(0, 6), min_size=1, max_size=96), seed=st.integers(0, 10**6))
def test_each_answer_goes_to_another_image_of_its_class(labels: list[int], seed: int) -> None:
    given_ = torch.tensor(labels)
    source = exchanged(given_, draws(seed))
    assert torch.equal(given_[source], given_)
    assert sorted(source.tolist()) == list(range(len(labels)))
    alone = torch.tensor([labels.count(label) == 1 for label in labels])
    assert torch.equal(source == torch.arange(len(labels)), alone)


def pearson(counts: torch.Tensor) -> float:
    """χ² of counts that should all be the same."""
    expected = counts.sum() / counts.numel()
    return float(((counts - expected) ** 2 / expected).sum())


def test_the_other_image_is_uniform_over_the_rest_of_the_class() -> None:
    """Pearson's χ² for each image, whose draws are independent, against its 99.999 % quantile."""
    labels = torch.tensor([2, 0, 1, 1, 0, 1, 2, 1, 0, 1, 1])
    n, places = 6000, torch.arange(11)
    counts = torch.zeros(11, 11)
    for seed in range(n):
        counts[places, exchanged(labels, draws(seed))] += 1
    quantiles = {2: 0.0, 3: 19.51, 6: 28.47}  # by the size of the class, of size − 2 degrees of freedom
    for image in places:
        others = (labels == labels[image]) & (places != image)
        assert counts[image, others].sum() == n
        assert pearson(counts[image, others]) <= quantiles[int(others.sum()) + 1]


def test_all_cycles_of_a_class_are_as_likely() -> None:
    """Of four images there are 3! = 6; the 99.999 % quantile at 5 degrees of freedom is 30.86."""
    seen = Counter(tuple(exchanged(torch.zeros(4, dtype=torch.long), draws(seed)).tolist()) for seed in range(6000))
    assert len(seen) == 6
    assert pearson(torch.tensor(list(seen.values()), dtype=torch.float64)) < 30.86


def test_the_exchange_is_a_function_of_its_draws() -> None:
    labels = torch.arange(96) % 10
    assert torch.equal(exchanged(labels, draws(3)), exchanged(labels, draws(3)))
    assert not torch.equal(exchanged(labels, draws(3)), exchanged(labels, draws(4)))


def test_what_a_class_knows_is_kept_and_what_an_image_is_given_is_not() -> None:
    """The mean answer of each class in a batch is as it was; the divergence of one answer from another is not 0."""
    labels = torch.arange(60) % 6
    answers = torch.randn(60, 6, generator=draws(0))
    given_ = answers[exchanged(labels, draws(1))]
    for label in range(6):
        assert torch.allclose(given_[labels == label].mean(0), answers[labels == label].mean(0), atol=1e-6)
    assert float(divergence(answers, given_, tau=1.0)) > 0.1


@pytest.mark.parametrize("labels", [[0, 0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 4, 5, 6], [0] * 7, [3, 3, 3, 3, 3, 3, 1]])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_the_share_that_is_alone_is_the_mean_over_all_orders(labels: list[int], size: int) -> None:
    """Counted over all 5,040 orders of seven images, in batches of ``size`` and what is left."""
    alone = orders = 0
    for order in permutations(labels):
        batches = [order[at : at + size] for at in range(0, 7, size)]
        alone += sum(batch.count(label) == 1 for batch in batches for label in batch)
        orders += 1
    assert share_alone(torch.tensor(labels), size) == pytest.approx(alone / orders / 7, abs=1e-12)


def test_alpha_rises_in_equal_steps_from_its_own_value_to_one() -> None:
    found = torch.tensor([annealed(0.2, step, 9) for step in range(9)], dtype=torch.float64)
    assert torch.allclose(found, torch.linspace(0.2, 1, 9, dtype=torch.float64))
    assert annealed(0.2, 8, 9) == 1
    assert annealed(0.2, 0, 1) == 0.2
    assert annealed(1.0, 3, 9) == 1
