"""What is computed from a trained model: functions of a model and data."""

from sd.train.evaluation import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
