"""A database with made-up facts for every figure, about the paper's own cells; no number here is a result."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from synthetic import cell_row, chain

from sd.plan.cell import Cell
from sd.plan.recipe import RECIPES
from sd.store.database import Database, open_database
from sd.store.schema import Base

ALPHAS = (0.2, 0.5, 0.8)
SEEDS = (0, 1, 2)
SIZES = (2, 3, 4)


class Made:
    """Made-up facts, and the database that they become.

    Attributes:
        cells: every cell by its key.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cells: dict[str, Cell] = {}
        self.facts: dict[str, list[dict[str, Any]]] = {}

    def train(self, cells: Iterable[Cell], *, curvature: bool = False) -> None:
        """Accuracies, and curvature that falls by the round, with noise of their own for each cell."""
        for cell in cells:
            if cell.key in self.cells:
                continue
            self.cells[cell.key] = cell
            noise = _draw(cell).normal(size=3)
            top1 = 95.0 + 0.2 * cell.round + 0.3 * len(cell.members) ** 0.5 + 0.1 * noise[0]
            self.add("cells", cell_row(cell, None))
            for name, score in (("best_test", top1), ("last", top1 - 0.1)):
                place = {"cell_key": cell.key, "checkpoint": name}
                self.add("checkpoints", {**place, "epoch": 1, "sha256": sha256(cell), "bytes": 1})
                scores = {"top1": score, "top5": 99.0, "loss": 0.2, "ece": 0.01, "n_samples": 10_000}
                self.add("evaluations", {**place, "split": "test", **scores})
            if curvature:
                flat = {"sam": 0.8}.get(cell.optimizer, 1 / (1 + 0.4 * min(cell.round, 1)))
                trace, top = 900 * flat * np.exp(0.1 * noise[1:])
                found = {"trace": trace, "lambda_max": top / 12, "converged": cell.seed != 2}
                self.add("curvature", self.of(cell, "curv") | found)

    def add(self, table: str, *rows: dict[str, Any]) -> None:
        """Rows of a table; columns that nobody cares about may be left out."""
        self.facts.setdefault(table, []).extend(rows)

    def of(self, cell: Cell, measure: str, split: str = "train") -> dict[str, Any]:
        """What every row of a measure says of a cell."""
        return {
            "cell_key": cell.key,
            "measure_key": measure,
            "checkpoint": "best_test",
            "split": split,
            "checkpoint_sha256": sha256(cell),
            "n_samples": 200,
        }

    def database(self) -> Database:
        """All of it in a database."""
        found = open_database(str(self.path), create=True)
        for table in Base.metadata.sorted_tables:
            if table.name in self.facts:
                insert(found, table.name, self.facts[table.name])
        return found


def sha256(cell: Cell) -> str:
    """What stands for the hash of a cell's checkpoints."""
    return cell.key * 4


def insert(database: Database, table: str, rows: list[dict[str, Any]]) -> None:
    """Rows of a table of ours; columns that nobody cares about are filled with something of their type."""
    columns = Base.metadata.tables[table].columns
    blank = {name: "x" if column.type.python_type is str else 1 for name, column in columns.items()}
    kept = [blank | {name: value for name, value in row.items() if name in blank} for row in rows]
    with sa.create_engine(f"sqlite:///{database.shown}").begin() as connection:
        connection.execute(sa.insert(Base.metadata.tables[table]), kept)


def paper(path: Path) -> Made:
    """Facts for every figure of the paper; of Figure 5 only its first row."""
    made = Made(path)
    for aug in ("std", "aa_cutout"):
        made.train(study(arch="resnet18", aug=aug), curvature=True)
    made.train(study(arch="vgg16", aug="aa_cutout"), curvature=True)
    ensembles(made)
    own = {"arch": "resnet18", "aug": "aa_cutout"}
    for alpha in ALPHAS:
        for seed in SEEDS:
            distances(made, chain(3, alpha=alpha, seed=seed, **own)[1:])
    models = chain(3, alpha=0.5, seed=0, **own)
    spectra(made, [*models, replace(models[0], optimizer="sam")])
    li = {"recipe_name": "li2018", "recipe": RECIPES["li2018"]}
    surfaces(made, chain(2, alpha=0.2, arch="resnet20_noskip", aug="std", **li))
    clip(made)
    return made


def study(seeds: Iterable[int] = SEEDS, **changes: Any) -> list[Cell]:
    """Chains of three rounds at each α, and SAM."""
    cells = [cell for seed in seeds for alpha in ALPHAS for cell in chain(3, alpha=alpha, seed=seed, **changes)]
    return [*cells, *(replace(cell, optimizer="sam") for cell in cells if not cell.round)]


def ensembles(made: Made, **changes: Any) -> None:
    """Ensembles from scratch, born-again ones, and students of the former at α = 0.5."""
    own: dict[str, Any] = {"arch": "resnet18", "aug": "aa_cutout", **changes}
    for seed in SEEDS:
        pool = [chain(0, seed=seed + 3 * place, **own)[0] for place in range(max(SIZES))]
        assembled = {"optimizer": "none", "seed": seed}
        scratch = [replace(pool[0], **assembled, origin="ensemble", members=tuple(pool[:size])) for size in SIZES]
        students = [replace(chain(1, seed=seed, **own)[1], teacher=ensemble) for ensemble in scratch]
        made.train([*pool, *scratch, *students])
        for alpha in ALPHAS:
            models = chain(3, alpha=alpha, seed=seed, **own)
            again = {**assembled, "origin": "ban", "alpha": alpha, "tau": 4.0}
            made.train(models)
            made.train([replace(models[0], **again, members=tuple(models[:size])) for size in SIZES])


def distances(made: Made, students: list[Cell]) -> None:
    """Distances of logits that fall by the round."""
    for cell in students:
        found = {"mse": (4 + cell.seed / 4) / cell.round, "mse_centred": 3 / cell.round}
        made.add("fidelity", made.of(cell, "fid") | found)


def spectra(made: Made, cells: list[Cell]) -> None:
    """Sixty nodes and a hundred eigenvalues of each."""
    for cell in cells:
        place = made.of(cell, "curv")
        width = {"sam": 0.8}.get(cell.optimizer, 1 / (1 + 0.4 * min(cell.round, 1)))
        values = np.sort(75 * width * np.exp(-np.arange(100) / 18) + 0.05 * _draw(cell).random(100))[::-1]
        made.add("eigenvalues", *(place | {"rank": n + 1, "eigenvalue": v} for n, v in enumerate(values)))
        nodes = np.concatenate([np.linspace(-2, 2, 31), values[:29]])
        weights = np.concatenate([np.full(31, 1 / 31), np.full(29, 1e-6)])
        pairs = enumerate(zip(nodes, weights, strict=True))
        made.add("spectra", *(place | {"place": n, "node": node, "weight": weight} for n, (node, weight) in pairs))


def surfaces(made: Made, cells: list[Cell], points: int = 21) -> None:
    """Bowls that are wider for students, along two pairs of directions."""
    made.train(cells)
    axis = np.linspace(-1, 1, points)
    for cell in cells:
        for seed in (0, 1):
            plane = made.of(cell, "land") | {"seed": seed, "directions": "random", "normalise": "filter"}
            made.add("landscapes", plane)
            steep = 14 / (1 + cell.round) + seed
            made.add(
                "landscape_points", *(plane | {"x": x, "y": y, "loss": bowl(x, y, steep)} for x in axis for y in axis)
            )


def bowl(x: float, y: float, steep: float) -> float:
    return 0.02 + steep * float(x * x + 0.6 * y * y + 0.3 * x * y * np.sin(3 * x)) ** 1.1


def clip(made: Made) -> None:
    """Zero-shot teachers, their students, and a testbed."""
    sweeps = {"clip_rn50": (0.0, 0.2, 0.5, 0.8), "clip_rn101": (0.0,)}
    for arch, alphas in sweeps.items():
        own: dict[str, Any] = {"arch": arch, "dataset": "imagenet", "aug": "none", "tau": 1.0}
        own |= {"recipe_name": "clip_student", "recipe": RECIPES["clip_student"]}
        zero = replace(chain(0, **own)[0], optimizer="none", origin="zero_shot")
        students = [replace(chain(1, alpha=alpha, **own)[1], teacher=zero) for alpha in alphas]
        made.train([zero, *students])
        better = 3 * (arch == "clip_rn101")
        for cell in (zero, *students):
            place = made.of(cell, "rob", "test") | {"shift": "imagenetv2", "severity": 0}
            made.add("robustness", place | {"top1": better + (53.0 if cell is zero else 50 + 8 * (cell.alpha or 0))})
            (score,) = (
                row
                for row in made.facts["evaluations"]
                if (row["cell_key"], row["checkpoint"]) == (cell.key, "best_test")
            )
            score["top1"] = better + 60.0 if cell is zero else 58 + 15 * (cell.alpha or 0)
    draw = np.random.default_rng(0)
    for n, x in enumerate(np.linspace(45, 85, 60)):
        logit = 0.92 * np.log(x / (100 - x)) - 0.5 + 0.03 * draw.normal()
        point = {"id_top1": x, "ood_top1": 100 / (1 + np.exp(-logit))}
        made.add("testbeds", {"testbed": "imagenet_v2", "name": f"model {n}", "family": "standard", **point})


def _draw(cell: Cell) -> np.random.Generator:
    return np.random.default_rng(
        [cell.seed, cell.round, len(cell.members), len(cell.aug), round(10 * (cell.alpha or 0))]
    )
