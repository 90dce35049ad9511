"""What is computed from a trained model: functions of a model and data."""
