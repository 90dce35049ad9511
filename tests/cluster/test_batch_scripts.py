"""The text that sbatch is given, held by golden files; what --scripts writes; and how SLURM's answers are read."""

from pathlib import Path

import pytest

from sd import BadInput
from sd.cluster import slurm
from sd.cluster.ledger import QueuedTask, by_cell, tasks_of
from sd.cluster.manifest import Header, write_manifest
from sd.cluster.scripts import Wiring, batch_script, read_comment, submit_script
from sd.cluster.slurm import Entry
from sd.plan.arrays import Array, Task, make_arrays
from sd.plan.grid import read_grid
from sd.plan.resources import DEFAULTS, Profile, Resources
from sd.plan.schedule import plan
from sd.store.target import absolute_target

GOLDEN = Path(__file__).with_name("golden")

GRID = """\
name: table9
defaults: {dataset: cifar10, recipe: appendix_a, seeds: [0, 1, 2], rounds: 1, alpha: 0.5}
cells: [{arch: resnet20}]
"""


@pytest.fixture
def arrays(tmp_path: Path) -> list[Array]:
    (tmp_path / "g.yaml").write_text(GRID)
    study = plan([read_grid(tmp_path / "g.yaml")])
    asked = Resources(
        gpus=1, cpus=8, memory_gb=32, hours=6, partition="gpu", account="lab", qos="long", constraint="a100"
    )
    whole = asked.over(DEFAULTS).model_copy(update={"sbatch": {"nice": 5, "exclusive": True, "mail-type": "FAIL"}})
    return make_arrays(study, study.steps, resources=dict.fromkeys(study.steps, whole), queued={}, largest=1000)


def wiring(**changes: object) -> Wiring:
    folder = Path("/scratch/runs/submissions/20261123T120000-abcdef")
    site = Profile(setup=("module load cuda",), environment=(("A", "b c"),))
    facts = {
        "grid": "table9",
        "submission": folder.name,
        "folder": folder,
        "code": Path("/scratch/runs/code/0123456789abcdef"),
        "python": "/opt/env/bin/python",
        "profile": site,
        "max_parallel": 2,
    }
    return Wiring(**(facts | changes))  # type: ignore[arg-type]


def test_the_batch_script_is_the_golden_one(arrays: list[Array]) -> None:
    assert batch_script(arrays[0], wiring()) == (GOLDEN / "01-T.sh").read_text()


def test_the_chain_is_the_golden_one(arrays: list[Array]) -> None:
    assert submit_script(arrays, wiring()) == (GOLDEN / "submit.sh").read_text()


def test_one_element_is_an_array_all_the_same(arrays: list[Array]) -> None:
    alone = Array("01-T", DEFAULTS, {0: arrays[0].tasks[0]}, None)
    text = batch_script(alone, wiring(max_parallel=None))
    assert "#SBATCH --array=0\n" in text
    assert "%" not in next(line for line in text.splitlines() if "--array" in line)


def test_the_limit_of_an_array_is_read_from_the_configuration() -> None:
    assert slurm._largest_array("MaxArraySize            = 1001\nX = 3") == 1000
    limited = "MaxArraySize = 40001\nSchedulerParameters     = a=1,max_array_tasks=500,b\n"
    assert slurm._largest_array(limited) == 500
    assert slurm._largest_array("nothing") == 1000


def test_a_comment_is_read_back(arrays: list[Array]) -> None:
    assert read_comment(wiring().comment(arrays[0])) == ("20261123T120000-abcdef", "01-T")
    assert read_comment("(null)") is None and read_comment("sd grid=x") is None


def entry(comment: str, index: int = 0, state: str = "PENDING") -> Entry:
    return Entry("77", index, state, "Priority", comment)


def test_only_jobs_with_our_comment_of_this_root_count(tmp_path: Path) -> None:
    others = ["", "(null)", "sd grid=g run=elsewhere array=01-T", "about sd grid=g run=a array=b"]
    assert tasks_of(tmp_path, [entry(comment) for comment in others]) == []


HEADER = Header("g", "c", "/r", None, None, "/c", "cpu", 1, 60.0)


def test_a_job_in_the_queue_is_found_in_its_manifest_and_written_down(tmp_path: Path) -> None:
    folder = tmp_path / "submissions" / "a"
    write_manifest(folder / "02-R1-a0.5.jsonl", HEADER, [(0, []), (3, [])])
    path = folder / "02-R1-a0.5.jsonl"
    path.write_text(path.read_text().replace('"task":3,"keys":[]', '"task":3,"keys":["k"]'))
    found = tasks_of(tmp_path, [entry("sd grid=g run=a array=02-R1-a0.5 key=k", 3)])
    assert [(task.keys, task.task, task.log.name) for task in found] == [(("k",), Task("77", 3), "77_3_0_log.out")]
    assert (folder / "02-R1-a0.5.job").read_text() == "77\n"
    running = QueuedTask(entry("", 3, "RUNNING"), path, ("k",))
    assert by_cell([running, *found]) == by_cell([*found, running]) == {"k": running}


@pytest.mark.parametrize("broken", ["", "{}\n", '{"tasks": 2}\n{"task":0,"keys":[],"works":[]}\n'])
def test_a_manifest_that_is_not_whole_is_named(broken: str, tmp_path: Path) -> None:
    path = tmp_path / "submissions" / "a" / "01-T.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(broken)
    with pytest.raises(BadInput, match=r"01-T\.jsonl: is not a whole manifest"):
        tasks_of(tmp_path, [entry("sd grid=g run=a array=01-T")])


def test_what_sacct_says_is_read_task_by_task() -> None:
    text = "7_0|COMPLETED|g:01-T\n7_[1-2,5%3]|CANCELLED by 0|g:01-T\n8|FAILED|x\n9_1||y\n\n"
    cancelled = ("CANCELLED", "g:01-T")
    assert slurm._history(text) == {"7_0": ("COMPLETED", "g:01-T"), **dict.fromkeys(["7_1", "7_2", "7_5"], cancelled)}


def test_a_job_finds_the_database_wherever_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SD_DB", raising=False)
    assert absolute_target(None) == f"{tmp_path}/results.db"
    assert absolute_target("mine.db") == f"{tmp_path}/mine.db"
    assert absolute_target("sqlite:///mine.db") == f"sqlite:///{tmp_path}/mine.db"
    assert absolute_target("postgresql+psycopg://ada@host/lab") == "postgresql+psycopg://ada@host/lab"
    assert absolute_target("postgresql+psycopg://ada:secret@host/lab") is None


def test_a_task_knows_its_place() -> None:
    assert Entry("77", 3, "RUNNING", "None", "").id == "77_3"
    assert Entry("77", -1, "RUNNING", "None", "").id == "77"
