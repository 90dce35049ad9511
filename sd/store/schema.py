"""The database's tables. ``sql/README.md`` says what each column means; a test holds the two together."""

from typing import Any, ClassVar

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA_VERSION = 4

HEADS = {"curvature": "curvature", "landscape": "landscapes", "fidelity": "fidelity", "robustness": "robustness"}
"""The table that holds, for a measure, a row (or some) of each checkpoint and split that it was taken of."""


class Base(DeclarativeBase):
    """All tables of the database.

    PostgreSQL is to compute and to order as SQLite does: whole numbers of 64 bits, text by its bytes.
    """

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: Integer().with_variant(BigInteger(), "postgresql"),
        str: String().with_variant(String(collation="C"), "postgresql"),
    }


class Meta(Base):
    """One row a thing the database was made with: its schema version, digests of its views and published numbers."""

    __tablename__ = "meta"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class CellRow(Base):
    """One row a cell: what was trained, how, and by whom it was taught."""

    __tablename__ = "cells"

    key: Mapped[str] = mapped_column(primary_key=True)
    setting: Mapped[str] = mapped_column(index=True)
    label: Mapped[str]
    arch: Mapped[str]
    dataset: Mapped[str]
    aug: Mapped[str]
    label_noise: Mapped[float]
    model: Mapped[str]
    origin: Mapped[str]
    method: Mapped[str | None]
    members: Mapped[int | None]
    teacher_members: Mapped[int | None]
    optimizer: Mapped[str]
    round: Mapped[int]
    seed: Mapped[int]
    alpha: Mapped[float | None]
    tau: Mapped[float | None]
    teacher_key: Mapped[str | None]
    teacher_checkpoint: Mapped[str | None]
    teacher_sha256: Mapped[str | None]
    recipe: Mapped[str]
    protocol: Mapped[str]
    epochs: Mapped[int]
    batch_size: Mapped[int]
    learning_rate: Mapped[float]
    momentum: Mapped[float]
    weight_decay: Mapped[float]
    precision: Mapped[str]
    engine: Mapped[str | None]
    recipe_json: Mapped[str]
    parameters: Mapped[int]
    labels_changed: Mapped[int]
    labels_sha256: Mapped[str]
    petaflop: Mapped[float]

    __table_args__ = (Index("ix_cells_group", "arch", "dataset", "aug"),)


class Member(Base):
    """One row a member of an ensemble, counted from 1."""

    __tablename__ = "members"

    cell_key: Mapped[str] = mapped_column(ForeignKey("cells.key", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    member_key: Mapped[str]


class Attempt(Base):
    """One row a try at a cell: when, where, with which code and libraries, and how it ended."""

    __tablename__ = "attempts"

    id: Mapped[str] = mapped_column(primary_key=True)
    cell_key: Mapped[str] = mapped_column(index=True)
    number: Mapped[int]
    status: Mapped[str]
    started_at: Mapped[str]
    ended_at: Mapped[str | None]
    seconds: Mapped[float | None]
    error: Mapped[str | None]
    traceback: Mapped[str | None]
    host: Mapped[str]
    pid: Mapped[int]
    job_id: Mapped[str | None]
    restart_count: Mapped[int]
    device: Mapped[str | None]
    threads: Mapped[int | None]
    expected_seconds: Mapped[float | None]
    code_version: Mapped[str]
    code_clean: Mapped[bool | None]
    versions_json: Mapped[str]

    __table_args__ = (
        CheckConstraint("status in ('running', 'done', 'failed', 'stopped', 'lost')", name="status_known"),
    )


class EpochRow(Base):
    """One row an epoch of a cell."""

    __tablename__ = "epochs"

    cell_key: Mapped[str] = mapped_column(ForeignKey("cells.key", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    learning_rate: Mapped[float]
    train_loss: Mapped[float]
    train_top1: Mapped[float]
    test_loss: Mapped[float | None]
    test_top1: Mapped[float | None]
    val_loss: Mapped[float | None]
    val_top1: Mapped[float | None]
    seconds: Mapped[float]


class CheckpointRow(Base):
    """One row a checkpoint of a cell: ``best_test``, ``last``, and ``best_val`` where a part was held out."""

    __tablename__ = "checkpoints"

    cell_key: Mapped[str] = mapped_column(ForeignKey("cells.key", ondelete="CASCADE"), primary_key=True)
    checkpoint: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    sha256: Mapped[str]
    bytes: Mapped[int]


class EvaluationRow(Base):
    """One row a score: a checkpoint of a cell on a split."""

    __tablename__ = "evaluations"

    cell_key: Mapped[str] = mapped_column(ForeignKey("cells.key", ondelete="CASCADE"), primary_key=True)
    checkpoint: Mapped[str] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    top1: Mapped[float]
    top5: Mapped[float]
    loss: Mapped[float]
    ece: Mapped[float | None]
    brier: Mapped[float | None]
    n_samples: Mapped[int]
    attempt_id: Mapped[str]


class CurvatureRow(Base):
    """One row a curvature measurement: a checkpoint of a cell on a fixed subset of a split."""

    __tablename__ = "curvature"

    cell_key: Mapped[str] = mapped_column(ForeignKey("cells.key", ondelete="CASCADE"), primary_key=True)
    measure_key: Mapped[str] = mapped_column(primary_key=True)
    checkpoint: Mapped[str] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    checkpoint_sha256: Mapped[str]
    n_samples: Mapped[int]
    subset_sha256: Mapped[str]
    loss: Mapped[str]
    backend: Mapped[str]
    dtype: Mapped[str]
    trace: Mapped[float]
    trace_stderr: Mapped[float]
    trace_estimator: Mapped[str]
    probes: Mapped[int]
    relative_trace: Mapped[float | None]
    relative_trace_stderr: Mapped[float | None]
    lambda_max: Mapped[float]
    lambda_max_residual: Mapped[float]
    lambda_min: Mapped[float | None]
    lambda_min_residual: Mapped[float | None]
    mean_loss: Mapped[float]
    sharpness: Mapped[float]
    rho: Mapped[float]
    runs: Mapped[int]
    steps: Mapped[int]
    hvps: Mapped[int]
    passes: Mapped[int]
    converged: Mapped[bool]
    seconds: Mapped[float]
    attempt_id: Mapped[str]


class EigenvalueRow(Base):
    """One row one of the largest eigenvalues of a curvature measurement, counted from 1."""

    __tablename__ = "eigenvalues"

    cell_key: Mapped[str] = mapped_column(ForeignKey("cells.key", ondelete="CASCADE"), primary_key=True)
    measure_key: Mapped[str] = mapped_column(primary_key=True)
    checkpoint: Mapped[str] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    eigenvalue: Mapped[float]
    residual: Mapped[float]


class SpectrumRow(Base):
    """One row a node of the spectral density of a curvature measurement, ascending, counted from 1."""

    __tablename__ = "spectra"

    cell_key: Mapped[str] = mapped_column(ForeignKey("cells.key", ondelete="CASCADE"), primary_key=True)
    measure_key: Mapped[str] = mapped_column(primary_key=True)
    checkpoint: Mapped[str] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    node: Mapped[float]
    weight: Mapped[float]


class LandscapeRow(Base):
    """One row a loss surface or line: a checkpoint of a cell on a fixed subset of a split, along given directions."""

    __tablename__ = "landscapes"

    cell_key: Mapped[str] = mapped_column(ForeignKey("cells.key", ondelete="CASCADE"), primary_key=True)
    measure_key: Mapped[str] = mapped_column(primary_key=True)
    checkpoint: Mapped[str] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    seed: Mapped[int] = mapped_column(primary_key=True)
    checkpoint_sha256: Mapped[str]
    teacher_sha256: Mapped[str | None]
    n_samples: Mapped[int]
    subset_sha256: Mapped[str]
    directions: Mapped[str]
    normalise: Mapped[str | None]
    statistics: Mapped[str]
    norm_x: Mapped[float]
    norm_y: Mapped[float | None]
    seconds: Mapped[float]
    attempt_id: Mapped[str]


class LandscapePoint(Base):
    """One row a point of a loss surface or line."""

    __tablename__ = "landscape_points"

    cell_key: Mapped[str] = mapped_column(ForeignKey("cells.key", ondelete="CASCADE"), primary_key=True)
    measure_key: Mapped[str] = mapped_column(primary_key=True)
    checkpoint: Mapped[str] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    seed: Mapped[int] = mapped_column(primary_key=True)
    x: Mapped[float] = mapped_column(primary_key=True)
    y: Mapped[float] = mapped_column(primary_key=True)
    loss: Mapped[float]
    top1: Mapped[float]


class FidelityRow(Base):
    """One row a student beside its teacher: how far its logits are from the teacher's on a fixed subset of a split."""

    __tablename__ = "fidelity"

    cell_key: Mapped[str] = mapped_column(ForeignKey("cells.key", ondelete="CASCADE"), primary_key=True)
    measure_key: Mapped[str] = mapped_column(primary_key=True)
    checkpoint: Mapped[str] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    checkpoint_sha256: Mapped[str]
    teacher_sha256: Mapped[str]
    n_samples: Mapped[int]
    subset_sha256: Mapped[str]
    mse: Mapped[float]
    mse_centred: Mapped[float]
    agreement: Mapped[float]
    kl: Mapped[float]
    kl_tau: Mapped[float]
    student_top1: Mapped[float]
    teacher_top1: Mapped[float]
    seconds: Mapped[float]
    attempt_id: Mapped[str]


class RobustnessRow(Base):
    """One row a score under a shift: a checkpoint of a cell on a corrupted, or another natural, test set."""

    __tablename__ = "robustness"

    cell_key: Mapped[str] = mapped_column(ForeignKey("cells.key", ondelete="CASCADE"), primary_key=True)
    measure_key: Mapped[str] = mapped_column(primary_key=True)
    checkpoint: Mapped[str] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    shift: Mapped[str] = mapped_column(primary_key=True)
    severity: Mapped[int] = mapped_column(primary_key=True)
    checkpoint_sha256: Mapped[str]
    n_samples: Mapped[int]
    subset_sha256: Mapped[str]
    images_sha256: Mapped[str]
    top1: Mapped[float]
    loss: Mapped[float]
    ece: Mapped[float]
    brier: Mapped[float]
    seconds: Mapped[float]
    attempt_id: Mapped[str]


class PublishedModel(Base):
    """One row a published model of a testbed: its accuracy on a reference test set and on a shifted one."""

    __tablename__ = "testbeds"

    testbed: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    family: Mapped[str]
    id_top1: Mapped[float]
    ood_top1: Mapped[float]
    source_sha256: Mapped[str]


class Discrepancy(Base):
    """One row a number that came out differently when a cell was trained again."""

    __tablename__ = "discrepancies"

    cell_key: Mapped[str] = mapped_column(ForeignKey("cells.key", ondelete="CASCADE"), primary_key=True)
    checkpoint: Mapped[str] = mapped_column(primary_key=True)
    split: Mapped[str] = mapped_column(primary_key=True)
    top1_before: Mapped[float]
    top1_now: Mapped[float]


class RecordRow(Base):
    """One row a record file whose facts are in this database."""

    __tablename__ = "records"

    path: Mapped[str] = mapped_column(primary_key=True)
    cell_key: Mapped[str] = mapped_column(index=True)
    sha256: Mapped[str]


class Published(Base):
    """One row a number printed in the paper."""

    __tablename__ = "published"

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str]
    row: Mapped[int]
    literature: Mapped[str]
    architecture: Mapped[str]
    dataset: Mapped[str]
    data_aug: Mapped[str | None]
    arch: Mapped[str | None]
    dataset_name: Mapped[str | None]
    aug: Mapped[str | None]
    alpha: Mapped[float | None]
    model: Mapped[str]
    metric: Mapped[str]
    mean: Mapped[float]
    std: Mapped[float | None]
    arrow: Mapped[str | None]
    note: Mapped[str | None]
