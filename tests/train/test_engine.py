"""The way in which steps are computed is the fastest one that computes the same, found once and kept."""

import os
from pathlib import Path

import pytest
import torch

from sd.plan.recipe import RECIPES
from sd.train.engine import Engine, Trial, Way, engine_for, fastest

HERE = torch.tensor([1.0, 2.0, 3.0])
PLAIN = Engine(bf16=False)
LONG = 10**9


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "sd" / "ways.json"


def trials(found: dict[Way, Trial | Exception], asked: list[Way]) -> object:
    def trial(engine: Engine) -> Trial:
        asked.append(engine.way)
        result = found[engine.way]
        if isinstance(result, Exception):
            raise result
        return result

    return trial


def chosen(found: dict[Way, Trial | Exception], steps: int = LONG) -> tuple[Way, list[Way]]:
    asked: list[Way] = []
    engine = fastest(PLAIN, steps, "a card", trials(found, asked), ways=("compiled", "graphs"))  # type: ignore[arg-type]  # a fake
    return engine.way, asked


def test_the_fastest_way_is_taken() -> None:
    found: dict[Way, Trial | Exception] = {way: Trial(s, HERE) for way, s in zip(ALL, (3.0, 2.0, 1.0), strict=True)}
    assert chosen(found)[0] == "graphs"


ALL: tuple[Way, ...] = ("eager", "compiled", "graphs")


def test_a_way_that_computes_something_else_is_not_taken_however_fast() -> None:
    assert (
        chosen({"eager": Trial(3.0, HERE), "compiled": Trial(2.0, HERE * 1.001), "graphs": Trial(1.0, -HERE)})[0]
        == "compiled"
    )


def test_a_way_that_computes_nothing_is_not_taken() -> None:
    found: dict[Way, Trial | Exception] = {"eager": Trial(3.0, HERE), "compiled": Trial(2.0, HERE * torch.nan)}
    assert chosen({**found, "graphs": Trial(1.0, HERE * 0)})[0] == "eager"


def test_a_way_that_fails_is_none() -> None:
    failed = RuntimeError("no compiler")
    assert chosen({"eager": Trial(3.0, HERE), "compiled": failed, "graphs": failed})[0] == "eager"


def test_a_gain_within_the_noise_is_none() -> None:
    assert chosen({"eager": Trial(1.0, HERE), "compiled": Trial(0.97, HERE), "graphs": Trial(0.96, HERE)})[0] == "eager"


def test_what_was_found_is_kept_and_not_tried_again(own_cache: Path) -> None:
    found: dict[Way, Trial | Exception] = {way: Trial(s, HERE) for way, s in zip(ALL, (3.0, 2.0, 2.5), strict=True)}
    assert chosen(found) == ("compiled", list(ALL))
    assert chosen({}) == ("compiled", [])
    own_cache.write_text("half a fi")
    assert chosen(found) == ("compiled", list(ALL))


def test_a_short_run_is_not_worth_a_trial(own_cache: Path) -> None:
    assert chosen({"eager": Trial(1.0, HERE)}, steps=60) == ("eager", ["eager"])
    assert not own_cache.exists()


def test_what_was_found_for_a_long_run_is_not_for_a_short_one() -> None:
    found: dict[Way, Trial | Exception] = {way: Trial(s, HERE) for way, s in zip(ALL, (3.0, 2.0, 2.5), strict=True)}
    assert chosen(found)[0] == "compiled"
    assert chosen({}, steps=10) == ("eager", [])


def test_a_cache_that_cannot_be_written_is_done_without(own_cache: Path) -> None:
    own_cache.parent.write_text("a file where the folder should be")
    found: dict[Way, Trial | Exception] = {way: Trial(s, HERE) for way, s in zip(ALL, (3.0, 2.0, 2.5), strict=True)}
    assert chosen(found)[0] == "compiled"


def test_the_precision_is_what_the_recipe_asks_where_the_device_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for has in (True, False):
        monkeypatch.setattr("sd.train.engine.has_bf16", lambda _, has=has: has)
        assert str(engine_for(RECIPES["appendix_a"], cpu)) == ("bf16 eager" if has else "fp32 eager")
        assert str(engine_for(RECIPES["digits"], cpu)) == "fp32 eager"


@pytest.mark.skipif(os.environ.get("SD_COMPILER") == "0", reason="no C++ compiler here")
def test_a_compiled_model_computes_the_same() -> None:
    """``torch.compile`` itself, on a small network: the only way of the GPU's that can be run on a CPU."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 2))
    x = torch.randn(11, 5)
    assert torch.allclose(Engine(False, "compiled").prepare(model)(x), model(x), atol=1e-5)
