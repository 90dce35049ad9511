"""Fixtures of the tests on a real SLURM, which cluster-up beside this file starts on one machine."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "cluster"))

from cluster import SlurmStudy

HERE = Path(__file__).parent


def is_test_cluster() -> bool:
    """Whether the SLURM here is the one that cluster-up starts; nobody's real cluster is to get our tests' jobs."""
    if shutil.which("scontrol") is None:
        return False
    said = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True)
    return said.returncode == 0 and "ClusterName             = sdtest" in said.stdout


@pytest.fixture(scope="session", autouse=True)
def slurm() -> None:
    if not is_test_cluster():
        pytest.skip("no test cluster here; tests/slurm/cluster-up starts one (as root, on Debian)")


@pytest.fixture
def study(tmp_path: Path) -> SlurmStudy:
    """The small study, not submitted yet; what it has in the queue in the end is cancelled."""
    made = SlurmStudy(tmp_path)
    yield made
    made.cancel_all()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> SlurmStudy:
    """The study, submitted once and left alone."""
    study = SlurmStudy(tmp_path_factory.mktemp("undisturbed"))
    study.submit()
    study.wait()
    assert study.states() == {"done": 3}
    return study
