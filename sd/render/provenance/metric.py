"""What can be asked of a run: its scores on the test set, and what measures found, by the names of addresses."""

from dataclasses import dataclass
from functools import partial

ROBUSTNESS = "robustness_cells"


@dataclass(frozen=True)
class Metric:
    """A number that a run has.

    Attributes:
        name: as addresses have it.
        words: as people have it.
        column: of the view.
        unit: written after a value.
        decimals: with which tables print it.
        spread: whether tables print its standard deviation over seeds.
        signed: whether it is a difference, written with its sign.
        view: the view that has it, a row a run.
        measure: the measure that found it; empty for a score of the training record.
    """

    name: str
    words: str
    column: str
    unit: str = ""
    decimals: int = 2
    spread: bool = True
    signed: bool = False
    view: str = "outcomes"
    measure: str = ""

    @property
    def of_splits(self) -> bool:
        """Whether its view has a row for each split."""
        return self.view not in {"outcomes", ROBUSTNESS}


_CALIBRATION = "calibration_outcomes"

_curvature = partial(Metric, view="curvature_outcomes", measure="curvature")
_fidelity = partial(Metric, view="fidelity_outcomes", measure="fidelity")
_robustness = partial(Metric, view=ROBUSTNESS, measure="robustness")

_UNDER = "mean over severities, then over kinds"

METRICS = {
    metric.name: metric
    for metric in (
        Metric("test_acc", "test accuracy", "top1", " %"),
        Metric("nll", "cross-entropy on the test set", "loss", decimals=4),
        Metric("ece", "calibration error on the test set", "ece", decimals=4, view=_CALIBRATION),
        Metric("brier", "Brier score on the test set", "brier", decimals=4, view=_CALIBRATION),
        _curvature("trace", "trace of the Hessian", "trace"),
        _curvature("trace_stderr", "standard error of a trace", "trace_stderr", spread=False),
        _curvature("lambda_max", "largest eigenvalue of the Hessian", "lambda_max"),
        _curvature("relative_trace", "relative trace of the Hessian", "relative_trace"),
        _curvature("sharpness", "sharpness", "sharpness", decimals=4),
        _fidelity("mse", "squared distance of the logits from the teacher's", "mse", decimals=3),
        _fidelity("mse_centred", "squared distance of the centred logits", "mse_centred", decimals=3),
        _fidelity("agreement", "agreement with the teacher", "agreement", " %"),
        _fidelity("kl", "divergence from the teacher", "kl", decimals=4),
        _fidelity("kl_tau", "divergence from the teacher at the temperature of the loss", "kl_tau", decimals=4),
        _robustness("clean_top1", "accuracy without a shift", "clean_top1", " %"),
        _robustness("corrupted_top1", f"accuracy under corruptions ({_UNDER})", "corrupted_top1", " %"),
        _robustness("noise_top1", f"accuracy under noise ({_UNDER})", "noise_top1", " %"),
        _robustness("blur_top1", f"accuracy under blur ({_UNDER})", "blur_top1", " %"),
        _robustness("digital_top1", f"accuracy under digital corruptions ({_UNDER})", "digital_top1", " %"),
        _robustness("gap", "accuracy lost to corruptions", "gap", " pp"),
        _robustness("gap_to_teacher", "accuracy lost beyond the teacher's loss", "gap_to_teacher", " pp", signed=True),
        _robustness("relative_error", "error under corruptions, of the teacher's", "relative_error", " %"),
        _robustness("cifar101_top1", "accuracy on CIFAR-10.1", "cifar101_top1", " %"),
        _robustness("cifar101_gap", "accuracy lost on CIFAR-10.1", "cifar101_gap", " pp"),
        _robustness("imagenetv2_top1", "accuracy on ImageNetV2", "imagenetv2_top1", " %"),
        _robustness("imagenetv2_gap", "accuracy lost on ImageNetV2", "imagenetv2_gap", " pp"),
    )
}
