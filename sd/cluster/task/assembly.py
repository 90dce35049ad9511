"""How a cell is made that is put together from trained ones: its checkpoints name theirs, and it is scored."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from sd.plan.cell import Cell, checkpoint_file
from sd.store.progress import saved_checkpoints
from sd.store.record import BadRecord, cell_folder
from sd.train import zero_shot
from sd.train.checkpoint import save_as
from sd.train.datasets import Dataset
from sd.train.ensemble import test_logits
from sd.train.evaluation import Evaluation, evaluate
from sd.train.teacher import load_trained
from sd.train.trainer import Saved


class MissingMember(Exception):
    """A member's record or checkpoint is not there, so the ensemble cannot be put together."""


def assemble(
    cell: Cell, data: Dataset, *, root: Path, device: torch.device, check: Callable[[], None]
) -> tuple[dict[str, Saved], dict[str, Evaluation]]:
    """Put an ensemble together, at each checkpoint that all of its members have, or a zero-shot classifier.

    A checkpoint of an ensemble is a file that names the files of its members, by their hashes: so a student can be
    taught by it, and a member that changes is noticed.

    Args:
        check: called before anything is written; raises if this attempt may no longer write.

    Returns:
        The checkpoints by name, and the score of each on the test split.

    Raises:
        MissingMember, BadCheckpoint: a member is not there, or is not the one that its record names.
        BadInput: CLIP's weights are not there, or open_clip is not.
    """
    if cell.origin == "zero_shot":
        return _zero_shot(cell, data, root=root, device=device, check=check)
    members = [(member, _checkpoints(root, member)) for member in cell.members]
    saved: dict[str, Saved] = {}
    scores: dict[str, Evaluation] = {}
    for name in sorted(set.intersection(*(set(known) for _, known in members))):
        check()
        total = torch.zeros(len(data.test_labels), data.classes)
        for member, known in members:
            path = cell_folder(root, member.key) / checkpoint_file(name, known[name])

            def model(member: Cell = member, path: Path = path, sha256: str = known[name]) -> nn.Module:
                return load_trained(member, path, sha256, data.classes, device)

            total += test_logits(path.with_name(f"test-logits-{known[name][:12]}.npy"), data, model, device).float()
        content = {
            "key": cell.key,
            "checkpoint": name,
            "members": [[member.key, known[name]] for member, known in members],
        }
        sha256, size = save_as(cell_folder(root, cell.key), name, content)
        saved[name] = Saved(0, sha256, size)
        scores[name] = evaluate(nn.Identity(), total / len(members), data.test_labels.cpu())
    return saved, scores


def _zero_shot(
    cell: Cell, data: Dataset, *, root: Path, device: torch.device, check: Callable[[], None]
) -> tuple[dict[str, Saved], dict[str, Evaluation]]:
    """CLIP's classifier of the data set's classes; it has no epochs, and is the same at either checkpoint."""
    model = zero_shot.assemble(cell.arch, cell.dataset, data.class_names or None, device=device).to(device)
    score = evaluate(model, data.test_images, data.test_labels, mean=data.mean, std=data.std)
    saved = {}
    for name in ("best_test", "last"):
        check()
        content = zero_shot.content(model, cell.key, name)
        saved[name] = Saved(0, *save_as(cell_folder(root, cell.key), name, content))
    return saved, dict.fromkeys(saved, score)


def _checkpoints(root: Path, member: Cell) -> dict[str, str]:
    """The SHA-256 of each checkpoint of a member, by name."""
    try:
        return {name: row["sha256"] for name, row in saved_checkpoints(cell_folder(root, member.key)).items()}
    except (BadRecord, LookupError) as error:
        raise MissingMember(f"a member ({member.label}) has no record: {error}") from None
