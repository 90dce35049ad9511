"""Made-up records in the real format, for tests that need many cells and no training; no number here is a result."""

import hashlib
from pathlib import Path
from typing import Any

from sd.plan.cell import Cell, checkpoint_file
from sd.plan.measure import Curvature
from sd.plan.recipe import RECIPES
from sd.store.attempt import Attempt
from sd.store.progress import measure_record, train_record
from sd.store.record import cell_folder, write_record


def chain(rounds: int = 1, *, alpha: float = 0.5, seed: int = 0, **changes: Any) -> list[Cell]:
    """T, R1, R2 … of resnet20 on CIFAR-10, or of what ``changes`` say."""
    recipe = RECIPES["appendix_a"].model_copy(update={"epochs": changes.pop("epochs", 600)})
    tau = changes.pop("tau", 4.0)
    plain: dict[str, Any] = {"arch": "resnet20", "dataset": "cifar10", "aug": "std", "label_noise": 0.0}
    plain |= {"recipe_name": "appendix_a", "recipe": recipe, "optimizer": "sgd", "seed": seed, **changes}
    cells = [Cell(**plain, round=0)]
    for round_ in range(1, rounds + 1):
        taught = {"round": round_, "alpha": alpha, "tau": tau, "teacher_checkpoint": "best_test", "teacher": cells[-1]}
        cells.append(Cell(**plain, **taught))
    return cells


class SyntheticRoot:
    """A root folder of records that were never trained."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.curvature = Curvature(samples=10, probes=2)

    def train(self, cell: Cell, *, top1: float = 90.0, last: float | None = None, epochs: int = 2) -> Path:
        """Write a training record (and checkpoint files) that claims these accuracies."""
        folder = cell_folder(self.root, cell.key)
        attempt = Attempt(folder, cell.key)
        scores = {"best_test": top1, "last": top1 - 1 if last is None else last}
        key = {"cell_key": cell.key}
        checkpoints = []
        for name, score in scores.items():
            content = f"{cell.key} {name} {score}".encode()
            sha256 = hashlib.sha256(content).hexdigest()
            (folder / checkpoint_file(name, sha256)).write_bytes(content)
            checkpoints.append({**key, "checkpoint": name, "epoch": epochs, "sha256": sha256, "bytes": len(content)})
        taught = self.checkpoint_hash(cell.teacher, cell.teacher_checkpoint or "") if cell.teacher else None
        tables = {
            "cells": [cell_row(cell, taught)],
            "epochs": [{**key, "epoch": e, **dict.fromkeys(EPOCH_COLUMNS, 0.5)} for e in range(1, epochs + 1)],
            "checkpoints": checkpoints,
            "evaluations": [
                {**key, "checkpoint": name, "split": split, "top1": score, "top5": 99.0, "loss": 0.25, "ece": 0.01}
                | {"n_samples": 10, "attempt_id": attempt.facts.id}
                for name, score in scores.items()
                for split in ("train", "test")
            ],
            "discrepancies": [],
        }
        write_record(train_record(folder), "train", tables, cell=cell.to_json())
        attempt.end("done")
        return train_record(folder)

    def measure(self, cell: Cell, *, trace: float = 100.0, lambda_max: float = 10.0, converged: bool = True) -> Path:
        """Write a curvature record of the checkpoints that are there."""
        folder = cell_folder(self.root, cell.key)
        rows = [
            {
                "cell_key": cell.key,
                "measure_key": self.curvature.key,
                "checkpoint": name,
                "split": split,
                "checkpoint_sha256": self.checkpoint_hash(cell, name),
                "n_samples": 10,
                "subset_sha256": "0" * 64,
                "loss": "ce",
                "backend": "none",
                "dtype": "float32",
                "trace": trace,
                "trace_stderr": 1.0,
                "trace_estimator": "hutchinson",
                "probes": 2,
                "relative_trace": trace / 10,
                "relative_trace_stderr": 0.1,
                "lambda_max": lambda_max,
                "lambda_max_residual": 0.1,
                "lambda_min": -1.0,
                "lambda_min_residual": 0.1,
                "mean_loss": 0.5,
                "sharpness": 0.025,
                "rho": 0.05,
                "runs": 1,
                "steps": 3,
                "hvps": 5,
                "passes": 0,
                "converged": converged,
                "seconds": 0.1,
                "attempt_id": "none",
            }
            for name in ("best_test", "last")
            for split in ("train", "test")
        ]
        write_record(measure_record(folder, self.curvature), "curvature", {"curvature": rows})
        return measure_record(folder, self.curvature)

    def checkpoint_hash(self, cell: Cell, name: str) -> str:
        (path,) = cell_folder(self.root, cell.key).glob(f"{name}-*.pt")
        return hashlib.sha256(path.read_bytes()).hexdigest()


EPOCH_COLUMNS = (
    *("learning_rate", "train_loss", "train_top1", "test_loss", "test_top1", "val_loss", "val_top1", "seconds"),
)


def cell_row(cell: Cell, teacher_sha256: str | None) -> dict[str, Any]:
    """The row of table ``cells``, as the task writes it."""
    same = ("key", "setting", "label", "arch", "dataset", "aug", "label_noise", "optimizer", "round", "seed", "alpha")
    of_recipe = ("epochs", "batch_size", "learning_rate", "momentum", "weight_decay", "precision")
    return {
        **{name: getattr(cell, name) for name in (*same, "tau", "teacher_checkpoint", "protocol")},
        **{name: getattr(cell.recipe, name) for name in of_recipe},
        "model": cell.column,
        "origin": cell.origin,
        "method": cell.method if cell.teacher else None,
        "members": len(cell.members) or None,
        "teacher_members": (len(cell.teacher.members) or None) if cell.teacher else None,
        "teacher_key": cell.teacher.key if cell.teacher else None,
        "teacher_sha256": teacher_sha256,
        "recipe": cell.recipe_name,
        "recipe_json": cell.recipe.model_dump_json(),
        "parameters": 1,
        "labels_changed": 0,
        "labels_sha256": "0" * 64,
        "petaflop": 1.0,
        "engine": "fp32 eager",
    }
