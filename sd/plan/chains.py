"""Chains: every cell that a block of a grid stands for, what each is made from before it."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product

from sd.plan.block import Block
from sd.plan.cell import Cell
from sd.plan.recipe import Recipe


def cells_of(block: Block, recipes: Sequence[tuple[str, Recipe]]) -> Iterator[Cell]:
    """Every cell of a block; the same cell may come twice."""
    for arch, dataset, aug, noise, (name, recipe) in product(
        block.arch, block.dataset, block.aug, block.label_noise, recipes
    ):
        make = partial(Cell, arch=arch, dataset=dataset, aug=aug, label_noise=noise, recipe_name=name, recipe=recipe)
        yield from _Study(block, make).cells()


class _Study:
    """The cells of one architecture, data set, augmentation and recipe."""

    def __init__(self, block: Block, make: partial[Cell]) -> None:
        self.block, self.make = block, make

    def cells(self) -> Iterator[Cell]:
        for seed in self.block.seeds:
            firsts = self._firsts(seed)
            yield from firsts
            yield from self._beside(seed)
            for first in firsts:
                yield from self._students(first, seed)

    def _beside(self, seed: int) -> Iterator[Cell]:
        """What stands beside the chains of a seed: SAM, and ensembles with their members."""
        if self.block.sam:
            yield self.make(optimizer="sam", round=0, seed=seed)
        for ensemble in self._ensembles(seed):
            yield from ensemble.members
            yield ensemble

    def _firsts(self, seed: int) -> list[Cell]:
        """Those who teach the first students of a seed."""
        if self.block.teacher == "zero_shot":
            zero_shot = partial(self.make, aug="none", label_noise=0.0)
            return [zero_shot(optimizer="none", round=0, seed=0, origin="zero_shot")]
        if self.block.teacher == "ensemble":
            return self._ensembles(seed if seed in self.block.pools else self.block.seeds[0])
        teacher = partial(self.make, optimizer="sam" if self.block.teacher == "sam" else "sgd", round=0, seed=seed)
        if not self.block.teacher_stop_after:
            return [teacher()]
        recipe: Recipe = self.make.keywords["recipe"]
        return [teacher(recipe=recipe.model_copy(update={"stop_after": it})) for it in self.block.teacher_stop_after]

    def _ensembles(self, seed: int) -> list[Cell]:
        """The ensembles that stand under a seed."""
        models = [self.make(optimizer="sgd", round=0, seed=member) for member in self.block.pools.get(seed, [])]
        assemble = partial(self.make, optimizer="none", round=0, seed=seed, origin="ensemble")
        return [assemble(members=tuple(models[:size])) for size in self.block.ensembles.sizes if models]

    def _students(self, first: Cell, seed: int) -> Iterator[Cell]:
        """The students of every temperature, alpha and method, each after its teacher, and their ensembles."""
        block = self.block
        for tau, alpha, method in product(block.tau, block.alpha, block.method):
            taught = partial(self.make, seed=seed, alpha=alpha, tau=tau)
            chain = [first]
            for round_ in range(1, block.rounds + 1):
                student = partial(taught, optimizer="sgd", round=round_, method=method)
                chain.append(student(teacher=chain[-1], teacher_checkpoint=block.teacher_checkpoint))
                yield chain[-1]
            for size in block.ban:
                yield taught(optimizer="none", round=size - 1, origin="ban", members=tuple(chain[:size]))
