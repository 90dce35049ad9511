"""The subset that a measure is taken on is balanced, fixed, and known by its fingerprint."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sd.measure.subset import fingerprint, stratified
from sd.train.datasets import load


@settings(max_examples=60, deadline=None)
@given(labels=st.lists(st.integers(0, 6), min_size=1, max_size=200), samples=st.integers(1, 250))
def test_classes_differ_by_one_at_most_unless_one_runs_out(labels: list[int], samples: int) -> None:
    given_labels = torch.tensor(labels)
    chosen = stratified(given_labels, samples)
    assert len(chosen) == len(set(chosen.tolist())) == min(samples, len(labels))
    assert chosen.tolist() == sorted(chosen.tolist())
    taken = torch.bincount(given_labels[chosen], minlength=7)
    there = torch.bincount(given_labels, minlength=7)
    not_exhausted = taken[taken < there]
    if len(not_exhausted):
        assert taken.max() - not_exhausted.min() <= 1


def test_it_is_the_same_every_time_and_has_a_fingerprint() -> None:
    labels = load("digits").train_labels
    chosen = stratified(labels, 200)
    assert torch.equal(chosen, stratified(labels, 200))
    assert torch.bincount(labels[chosen]).tolist() == [20] * 10
    assert len(fingerprint(chosen)) == 64 and fingerprint(chosen) != fingerprint(stratified(labels, 201))
