"""Studies have an order, whether or not their temperature and their teachers' checkpoint are the paper's."""

from sd.render.claims.study import Study


def test_the_papers_temperature_comes_before_any_other() -> None:
    paper = Study("cifar10", "")
    others = [Study("cifar10", "", tau=8.0), Study("cifar10", "", tau=2.0), Study("cifar10", "", tau=2.0)]
    last = Study("cifar10", "", teacher_checkpoint="last")
    assert sorted([*others, last, paper]) == [paper, last, others[1], others[2], others[0]]
