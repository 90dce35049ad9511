"""What a cluster is asked for: layers, mistakes of grids and profiles, and that none of it is part of a key."""

from pathlib import Path

import pytest

from sd import BadInput
from sd.plan.grid import read_grid
from sd.plan.resources import Resources, layered, read_profile, resources_for
from sd.plan.schedule import plan

GRID = """\
name: g
cells: [{arch: [resnet8, resnet20], dataset: digits, recipe: digits, seeds: 0}]
"""


def test_a_later_layer_wins_and_sbatch_options_add_up() -> None:
    below = Resources(gpus=1, hours=2, sbatch={"nice": 5, "exclude": "n1"})
    above = Resources(hours=3, sbatch={"nice": 9})
    assert layered(below, above) == Resources(gpus=1, hours=3, sbatch={"nice": 9, "exclude": "n1"})
    assert layered(below, Resources(gpus=0)).gpus == 0


def test_an_architecture_has_its_own_over_the_default() -> None:
    site = {"default": Resources(partition="a", cpus=4), "resnet18": Resources(cpus=16)}
    grid = {"default": Resources(hours=6)}
    assert resources_for("resnet18", site, grid) == Resources(partition="a", cpus=16, hours=6)
    assert resources_for("resnet20", site, grid) == Resources(partition="a", cpus=4, hours=6)


def test_resources_change_no_key(tmp_path: Path) -> None:
    plain, rich = tmp_path / "a.yaml", tmp_path / "b.yaml"
    plain.write_text(GRID)
    rich.write_text(GRID + "resources: {default: {gpus: 4, hours: 9, partition: big}, resnet20: {pack: 3}}\n")
    ours, theirs = plan([read_grid(plain)]), plan([read_grid(rich)])
    assert list(ours.steps) == list(theirs.steps)
    by_arch = {step.cell.arch: step.resources for step in theirs.steps.values()}
    assert by_arch["resnet8"] == Resources(gpus=4, hours=9, partition="big")
    assert by_arch["resnet20"].pack == 3 and by_arch["resnet20"].gpus == 4


MISTAKES = [
    ("{default: {gpu: 1}}", "gpu: is not a known key; did you mean 'gpus'"),
    ("{default: {hours: 0.01}}", "is too short: a job is asked to save its state 120 s before its limit"),
    ("{default: {sbatch: {array: 0-3}}}", "array cannot be given here; sd sets it itself"),
    ("{default: {sbatch: {mem: 3G}}}", "mem cannot be given here; give it as memory_gb"),
    ("{default: {sbatch: {comm: x}}}", "comm cannot be given here; sd sets it itself"),
    ("{default: {sbatch: {clusters: x}}}", "clusters cannot be given here"),
    ("{default: {sbatch: {--nice: 3}}}", "--nice is no long option of sbatch; write it as nice"),
    ("{default: {sbatch: {nice: false}}}", "nice needs a value, or true"),
    ("{default: {partition: 'a; rm -rf /'}}", "partition"),
    ("{default: {pack: 0}}", "pack"),
    ("{default: {gpus: true}}", "gpus"),
    ("{resnet9: {cpus: 3}}", "resources: 'resnet9' is not an architecture"),
    ("{default: {memory_gb: .inf}}", "memory_gb"),
]


@pytest.mark.parametrize(("resources", "text"), MISTAKES, ids=[text for _, text in MISTAKES])
def test_a_mistake_in_a_grid_is_one_line_with_its_place(resources: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.write_text(GRID + f"resources: {resources}\n")
    with pytest.raises(BadInput) as caught:
        read_grid(path)
    assert text in str(caught.value) and str(caught.value).startswith(f"{path}:3: ")
    assert str(caught.value).count("\n") == 0


PROFILE = """\
python: /opt/env/bin/python
setup: [module load cuda, ulimit -c 0]
scratch: $HOME/scratch
environment: {OMP_PROC_BIND: close}
resources: {default: {partition: gpu, account: lab}}
"""


def test_a_profile_holds_a_sites_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    path = tmp_path / "site.yaml"
    path.write_text(PROFILE)
    profile = read_profile(path)
    assert profile.setup == ("module load cuda", "ulimit -c 0") and profile.scratch == Path("/home/ada/scratch")
    assert dict(profile.resources)["default"] == Resources(partition="gpu", account="lab")
    monkeypatch.setenv("SD_PROFILE", str(path))
    assert read_profile(None) == profile
    monkeypatch.delenv("SD_PROFILE")
    assert read_profile(None).python is None


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("scrath: /tmp", "scrath: is not a known key; did you mean 'scratch'"),
        ("scratch: $NO_SUCH_VARIABLE/x", "names a variable that is not set"),
        ('setup: ["a\\nb"]', "each line of shell is an item of its own"),
        ("setup: 3", "setup"),
        ("resources: {defalt: {cpus: 1}}", "'defalt' is not an architecture"),
        ("environment: {'A B': 1}", "environment"),
        ("python: 'my python'", "python"),
    ],
)
def test_a_mistake_in_a_profile_is_one_line(line: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(f"# a site\n{line}\n")
    with pytest.raises(BadInput) as caught:
        read_profile(path)
    assert text in str(caught.value) and str(caught.value).startswith(f"{path}:2: ")
    assert str(caught.value).count("\n") == 0


def test_the_shipped_profile_is_right() -> None:
    profile = read_profile(Path("jobs/profiles/example.yaml").absolute())
    assert profile.setup and dict(profile.resources)
