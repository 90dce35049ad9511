"""What a trained cell's record says of it: its row, its scores, and where they differ from an earlier training's."""

import hashlib
from dataclasses import asdict
from typing import Any

from sd.plan.cell import Cell
from sd.plan.cost import forward_gflop as planned_gflop
from sd.plan.cost import training_petaflop
from sd.store.attempt import Attempt
from sd.train.datasets import Dataset
from sd.train.evaluation import Evaluation
from sd.train.models import build, forward_gflop


def cell_row(cell: Cell, data: Dataset, teacher_sha256: str | None) -> dict[str, Any]:
    """The row of table ``cells``."""
    recipe = cell.recipe
    labels = data.train_labels.cpu()
    model = build(cell.arch, data.classes)
    gflop = planned_gflop(cell) or forward_gflop(model, data.train_images.shape[-1])
    return {
        "key": cell.key,
        "setting": cell.setting,
        "label": cell.label,
        "arch": cell.arch,
        "dataset": cell.dataset,
        "aug": cell.aug,
        "label_noise": cell.label_noise,
        "model": cell.column,
        "origin": cell.origin,
        "method": cell.method if cell.teacher else None,
        "members": len(cell.members) or None,
        "teacher_members": (len(cell.teacher.members) or None) if cell.teacher else None,
        "optimizer": cell.optimizer,
        "round": cell.round,
        "seed": cell.seed,
        "alpha": cell.alpha,
        "tau": cell.tau,
        "teacher_key": cell.teacher.key if cell.teacher else None,
        "teacher_checkpoint": cell.teacher_checkpoint,
        "teacher_sha256": teacher_sha256,
        "recipe": cell.recipe_name,
        "protocol": cell.protocol,
        "epochs": recipe.trained_epochs,
        "batch_size": recipe.batch_size,
        "learning_rate": recipe.learning_rate,
        "momentum": recipe.momentum,
        "weight_decay": recipe.weight_decay,
        "precision": recipe.precision,
        "recipe_json": recipe.model_dump_json(),
        "parameters": sum(p.numel() for p in model.parameters()) * max(1, len(cell.members)),
        "labels_changed": round(cell.label_noise * len(labels)),
        "labels_sha256": hashlib.sha256(labels.numpy().astype("<i8").tobytes()).hexdigest(),
        "petaflop": training_petaflop(cell, len(labels), gflop),
    }


def evaluation_row(cell: Cell, checkpoint: str, split: str, score: Evaluation, attempt: Attempt) -> dict[str, Any]:
    """A row of table ``evaluations``."""
    found = asdict(score)
    of = {"cell_key": cell.key, "checkpoint": checkpoint, "split": split, "n_samples": found.pop("n")}
    return of | found | {"attempt_id": attempt.facts.id}


def discrepancies(cell: Cell, rows: list[dict[str, Any]], before: dict[str, float]) -> list[dict[str, Any]]:
    """Where a cell that was trained before now scores differently."""
    return [
        {
            "cell_key": cell.key,
            "checkpoint": row["checkpoint"],
            "split": row["split"],
            "top1_before": before[place],
            "top1_now": row["top1"],
        }
        for row in rows
        if (place := f"{row['checkpoint']}/{row['split']}") in before and before[place] != row["top1"]
    ]
