"""What can be asked of a run: test accuracy, and what is measured of its Hessian; by the names in which it is asked."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A number that a run has.

    Attributes:
        name: as addresses have it.
        words: as people have it.
        column: of view ``outcomes`` (``top1``) or ``curvature_outcomes``.
        unit: written after a value.
        decimals: with which tables print it.
        spread: whether tables print its standard deviation over seeds.
    """

    name: str
    words: str
    column: str
    unit: str = ""
    decimals: int = 2
    spread: bool = True

    @property
    def of_curvature(self) -> bool:
        return self.column != "top1"

    @property
    def view(self) -> str:
        """The view that has it, a row a run."""
        return "curvature_outcomes" if self.of_curvature else "outcomes"


METRICS = {
    metric.name: metric
    for metric in (
        Metric("test_acc", "test accuracy", "top1", " %"),
        Metric("trace", "trace of the Hessian", "trace"),
        Metric("trace_stderr", "standard error of a trace", "trace_stderr", spread=False),
        Metric("lambda_max", "largest eigenvalue of the Hessian", "lambda_max"),
        Metric("relative_trace", "relative trace of the Hessian", "relative_trace"),
        Metric("sharpness", "sharpness", "sharpness", decimals=4),
    )
}
