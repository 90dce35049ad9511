"""From a cell to a trained model: data, augmentation, architectures, losses, the loop and its checkpoints."""
