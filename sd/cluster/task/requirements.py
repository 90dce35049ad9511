"""What cells need that may not be there, looked for before anything begins: data, architectures, published weights."""

from collections.abc import Iterable
from pathlib import Path

from sd.plan.catalogue import ARCHITECTURES, OwnDataset, dataset, is_own
from sd.store.todo import Todo


def require(todo: Todo, data_root: Path | None, environment: Iterable[tuple[str, str]] = ()) -> None:
    """Look for everything that the cells of ``todo`` need.

    torch is imported where something is to be looked for, and only there.

    Args:
        environment: the variables that jobs get; weights are not looked for where these name a cache of their own.

    Raises:
        BadInput: something is missing, or does not fit; one line that says what, and how it is had.
    """
    _data(todo, data_root)
    _architectures(todo, data_root)
    _weights(todo, environment)


def _data(todo: Todo, data_root: Path | None) -> None:
    """Open each data set, and each test set that a measure asks for, before anything begins, so that a missing one is
    said once and nothing is begun.

    Of prepared ones only the labels are read; CIFAR and SVHN as they were published are read, so that a damaged file
    is found here, too.
    """
    names = {step.cell.dataset for step in todo.steps}
    names |= {name for step in todo.steps for it in step.measures for name in it.test_sets(step.cell)}
    fetched = sorted(name for name in names if not dataset(name).bundled)
    if fetched:
        from sd.train.datasets import load

        for name in fetched:
            load(name, data_root)


def _architectures(todo: Todo, data_root: Path | None) -> None:
    """Try each pair of architecture and data set of which the catalogue does not know both, before anything begins.

    Not on --dry-run, nor for --scripts: a plan is made without torch, and where the user's modules need not be.
    """
    pairs = {(step.cell.arch, step.cell.dataset) for step in todo.steps}
    pairs = {(arch, name) for arch, name in pairs if arch not in ARCHITECTURES or is_own(name)}
    if pairs:
        from sd.train.datasets import load
        from sd.train.models import check_architecture

        for arch, name in sorted(pairs):
            facts = dataset(name)
            if isinstance(facts, OwnDataset):
                data = load(name, data_root)
                check_architecture(arch, data.classes, data.train_images.shape[-1])
            else:
                check_architecture(arch, facts.classes, facts.side)


def _weights(todo: Todo, environment: Iterable[tuple[str, str]]) -> None:
    """Look for the published weights that cells start from, and for what zero-shot teachers need, before all begins.

    Not for weights where the profile gives jobs a cache of their own, which may be on their nodes.
    """
    here = not {"HF_HOME", "HF_HUB_CACHE"} & {name for name, _ in environment}
    pretrained = {step.cell.arch for step in todo.steps if step.cell.recipe.init == "pretrained"} if here else set()
    zero_shots = {(step.cell.arch, step.cell.dataset) for step in todo.steps if step.cell.origin == "zero_shot"}
    if zero_shots:
        from sd.train import zero_shot

        for arch, name in sorted(zero_shots):
            zero_shot.require(arch, name, weights=here)
    if pretrained:
        from sd.train.models.pretrained import weights_file

        for arch in sorted(pretrained):
            weights_file(arch)
