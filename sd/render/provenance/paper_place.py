"""Numbers in the paper's tables: from ``table2:ResNet18:CIFAR-10:aug:0.5:R1`` to the cells behind ours."""

from collections.abc import Mapping, Sequence
from functools import cache

from sd import BadInput
from sd.plan.artefacts import artefact, grid_plan
from sd.plan.catalogue import ARCHITECTURES, AUGMENTATIONS, DATASETS, nearest
from sd.plan.cell import Cell
from sd.render.address import Address, papers_protocol, parse_address
from sd.render.layout import model_title
from sd.render.missing import launch_command
from sd.render.provenance.answer import Printed
from sd.render.provenance.metric import METRICS
from sd.render.provenance.selected import Index, Row, Selected, quoted

_COLUMNS = {"T": "teacher", "R1": "r1", "R2": "r2", "R3": "r3", "SAM": "sam"}

# The paper does not say on which images the curvature is; the tables show that on the training images (spec H3).
_SPLITS = ("train", "test")


def select_in_paper(text: str, index: Index, *, slurm: bool) -> Selected:
    """What an address of the paper's tables means.

    Raises:
        BadInput: it is no address, or the paper's table has no such place; the line says which part does not fit.
    """
    address = parse_address(text)
    printed = _printed(text, address, index.published)
    rows = _cells(address, index)
    own = address.protocol == papers_protocol(address.arch, address.dataset)
    planned = _planned(address) if own else ()
    lacking = [cell for cell in planned if cell.key not in index.cells]
    it = artefact("Table", str(address.table))
    steps = grid_plan(it.grid).steps
    command = launch_command([it.path], [steps[cell.key] for cell in lacking], slurm=slurm) if lacking else ""
    measured = () if rows else sorted({row["protocol"] for row in _of_any_protocol(address, index)})
    return Selected(
        str(address),
        _title(address),
        METRICS[address.metric],
        address.checkpoint,
        tuple(row["key"] for row in rows),
        splits=_SPLITS,
        planned=len(planned),
        printed=printed,
        asks_difference=address.difference,
        measure_keys=(address.measure_key,) if address.measure_key else (),
        table_query=_query(address, printed),
        lines=() if own else ("another experiment than the paper's: the difference to it is no test of it",),
        missing=(
            *(f"not in the database: {cell.label} ({cell.key})" for cell in lacking),
            *([f"fill it with: {command}"] if command else []),
            *([f"measured under other protocols: {'; '.join(measured)}; add :PROTOCOL"] if measured else []),
        ),
    )


def _printed(text: str, address: Address, published: Sequence[Row]) -> Printed | None:
    """The number that the paper prints there. Raises ``BadInput`` where its table has no such place."""
    rows = [row for row in published if row["source"] == f"Table {address.table}" and row["arch"]]
    alphas = sorted({row["alpha"] for row in rows if row["alpha"] is not None})
    steps: list[tuple[str, str, Mapping[str, str], str]] = [
        ("architecture", "arch", {name: facts.title for name, facts in ARCHITECTURES.items()}, address.arch),
        ("data set", "dataset_name", {name: facts.title for name, facts in DATASETS.items()}, address.dataset),
        ("augmentation", "aug", AUGMENTATIONS, address.aug),
        ("model", "model", {}, address.model),
        ("metric", "metric", {}, address.metric),
    ]
    if address.metric == "trace_stderr":  # ours alone has it
        steps.pop()
    for kind, column, titles, given in steps:
        known = list(dict.fromkeys(row[column] for row in rows if row[column]))
        if known and given not in known:
            names = [f"{titles[name]}" if name in titles else name for name in known]
            shown = titles.get(given, given)
            raise BadInput(f"{text!r}: Table {address.table} has no {kind} {shown!r} there; {nearest(shown, names)}")
        rows = [row for row in rows if row[column] in (given, None)]
    if address.table > 1 and address.alpha not in alphas:
        known = [f"{alpha:g}" for alpha in alphas]
        raise BadInput(f"{text!r}: Table {address.table} has no α {address.alpha:g}; {nearest(address.alpha, known)}")
    if address.metric == "trace_stderr":
        return None
    fitting = [row for row in rows if row["alpha"] in (None, address.alpha)]
    row = fitting[0]
    return Printed(f"Table {address.table}, row {row['row']}", row["mean"], row["std"], row["note"])


def _cells(address: Address, index: Index) -> list[Row]:
    """The cells of the place: clean labels, τ = 4 and a teacher at best_test, as view ``paper_models`` has it."""
    place = address.arch, address.dataset, address.aug, address.protocol
    return [row for row in index.by_place.get(place, ()) if _fits(address, row)]


def _of_any_protocol(address: Address, index: Index) -> list[Row]:
    place = address.arch, address.dataset, address.aug
    return [row for known, rows in index.by_place.items() if known[:3] == place for row in rows if _fits(address, row)]


def _fits(address: Address, row: Row) -> bool:
    if row["label_noise"] or row["model"] != address.model:
        return False
    as_paper = row["tau"] == 4 and row["teacher_checkpoint"] == "best_test" and row["alpha"] == address.alpha
    return as_paper or address.model in {"T", "SAM"}


@cache
def _planned(address: Address) -> tuple[Cell, ...]:
    """The cells that the table's own grid plans for the place."""
    return tuple(
        cell
        for cell in grid_plan(f"table{address.table}").cells
        if (cell.arch, cell.dataset, cell.aug, cell.column)
        == (address.arch, address.dataset, address.aug, address.model)
        and cell.alpha in (None, address.alpha)
    )


def _title(address: Address) -> str:
    student = f", α = {address.alpha:g}" if address.model.startswith("R") else ""
    place = f"{ARCHITECTURES[address.arch].title} on {DATASETS[address.dataset].title}"
    what = METRICS[address.metric].words + (", ours less the paper's" if address.difference else "")
    return (
        f"Table {address.table}: {what} of {model_title(address.model)}{student}, {place}, "
        f"augmentation {address.aug}, protocol {address.protocol}, checkpoint {address.checkpoint}"
    )


def _query(address: Address, printed: Printed | None) -> str:
    """The number in the view of its table."""
    if not printed:
        return ""
    row = f'"row" = {printed.where.rpartition(" ")[2]}'
    of = f"{row} AND protocol = {quoted(address.protocol)} AND checkpoint = '{address.checkpoint}'"
    if address.table in {4, 5}:
        column = "accuracy" if address.metric == "test_acc" else address.metric
        count = "accuracy_n" if address.metric == "test_acc" else "curvature_n"
        way = " AND split = '{split}' AND measure_key = '{measure_key}'" if address.metric != "test_acc" else ""
        return f"SELECT DISTINCT {column}, {column}_std, {count} FROM table{address.table} WHERE {of}{way}"
    column = "student" if address.table == 1 and address.model == "R1" else _COLUMNS[address.model]
    return f"SELECT {column}, {column}_std, {column}_n FROM table{address.table} WHERE {of}"
