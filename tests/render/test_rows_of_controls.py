"""Each control has a row of its own, and in it the teacher that taught it."""

from dataclasses import replace

from sd.plan.cell import Cell
from sd.plan.recipe import RECIPES
from sd.render.layout import cells_in, lay_out, model_name

RECIPE = RECIPES["digits"]
FIRST = Cell("resnet8", "digits", "none", 0.0, "digits", RECIPE, "sgd", 0, 0)


def taught(teacher: Cell, **changes: object) -> Cell:
    student = replace(teacher, optimizer="sgd", round=1, alpha=0.5, tau=4.0, teacher_checkpoint="last", teacher=teacher)
    return replace(student, recipe=RECIPE, **changes)  # type: ignore[arg-type]  # any field


def test_controls_are_not_mixed_with_plain_students_or_with_each_other() -> None:
    early = replace(FIRST, recipe=RECIPE.model_copy(update={"stop_after": 5}))
    sam = replace(FIRST, optimizer="sam")
    methods = [taught(FIRST, method=it) for it in ("distillation", "label_smoothing", "permuted", "annealed")]
    students = [*methods, taught(sam), taught(early)]
    studies, columns = lay_out([FIRST, sam, early, *students])
    rows = {cells_in(columns, study, "R1")[0]: study for study in studies if cells_in(columns, study, "R1")}
    assert list(rows) == students
    for student, study in rows.items():
        assert cells_in(columns, study, "R1") == [student]
        assert cells_in(columns, study, "T") == [student.teacher]
    assert [model_name(study, "R1") for study in rows.values()] == [
        "Round 1 (α=0.5)",
        "Round 1 (α=0.5, label smoothing)",
        "Round 1 (α=0.5, permuted)",
        "Round 1 (α=0.5, annealed)",
        "Round 1 (α=0.5, taught by SAM)",
        "Round 1 (α=0.5, taught by T@5)",
    ]
