"""The paper's loss (Section 3): cross-entropy, for a student mixed with its divergence from the teacher."""

from torch import Tensor
from torch.nn import functional as F


def distillation(
    student: Tensor, teacher: Tensor, labels: Tensor, *, alpha: float, tau: float, smoothing: float = 0.0
) -> Tensor:
    """L = α·CE(z_s, y) + (1−α)·τ²·KL(σ(z_t/τ) ‖ σ(z_s/τ)), the mean over the batch.

    Args:
        student, teacher: logits, (n, classes). The teacher's get no gradient.
        labels: int64, (n,).
        alpha: weight of the labels, in [0, 1].
        smoothing: share of each label that is spread over all classes, in the cross-entropy alone.
        tau: temperature, > 0. τ² keeps the size of the KL term's gradient independent of τ (Hinton et al. 2015).

    Returns:
        A scalar in float32, whatever the dtype of the logits.
    """
    student = student.float()
    hard = F.cross_entropy(student, labels, label_smoothing=smoothing)
    soft = divergence(student, teacher, tau=tau)
    return alpha * hard + (1 - alpha) * tau**2 * soft


def divergence(student: Tensor, teacher: Tensor, *, tau: float) -> Tensor:
    """KL(σ(z_t/τ) ‖ σ(z_s/τ)), the mean over the batch, in nats; without the factor τ²."""
    log_p = F.log_softmax(teacher.detach().float() / tau, dim=1)
    log_q = F.log_softmax(student.float() / tau, dim=1)
    return F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
