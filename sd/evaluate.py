"""``python -m sd.evaluate WEIGHTS``: what a weight file scores on a data set, a published one or one of our own."""

import re
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from sd import BadInput, verb

app = verb.app("evaluate")

Option = typer.Option


@app.command()
def evaluate(
    weights: Annotated[
        Path, typer.Argument(help="A file by torch.save: a state dict, or one under state_dict, model or net.")
    ],
    arch: Annotated[str, Option(help="The architecture that it is of.")],
    dataset: Annotated[str, Option(help="The data set to score it on.")],
    split: Annotated[str, Option(help="test or train.")] = "test",
    mean: Annotated[
        str | None,
        Option(metavar="R,G,B", help="Of images in [0, 1]. [default: the architecture's or data set's]"),
    ] = None,
    std: Annotated[str | None, Option(metavar="R,G,B", help="Given with --mean.")] = None,
    data_root: verb.DataRoot = None,
    device: Annotated[str, Option(help="cpu or cuda.")] = "cpu",
    batch_size: Annotated[int, Option(min=1, help="Images at a time.")] = 1000,
) -> None:
    """Score a weight file without augmentation, in eval mode and float32, and print what it scores."""
    if split not in {"train", "test"}:
        raise BadInput(f"--split: {split!r} is not a split; give test or train")
    if (mean is None) != (std is None):
        raise BadInput("--mean and --std belong together; give both or neither")
    given = None if mean is None or std is None else (_three("--mean", mean), _three("--std", std))
    if given and min(given[1]) <= 0:
        raise BadInput(f"--std: {std!r} holds a deviation that is not above 0; give R,G,B such as 0.229,0.224,0.225")
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise BadInput(f"--device: {device!r} is not a device; give cpu, cuda or cuda:N")

    import torch

    import sd.measure
    from sd.train.datasets import load
    from sd.train.models import build, normalisation, try_on
    from sd.train.models.published import put_weights, read_weights

    tensors = read_weights(weights)
    data = load(dataset, data_root)
    model = build(arch, data.classes)
    put_weights(model, tensors, arch=arch, source=weights)
    if device != "cpu" and torch.device(device).index not in {None, *range(torch.cuda.device_count())}:
        raise BadInput(f"--device {device}: torch finds {torch.cuda.device_count()} GPUs here; give cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput("--device cuda: torch finds no GPU here; give cpu")
    images, labels = data.split(split)
    if not len(labels):
        raise BadInput(f"--split: {dataset} has no {split} images; give another split")
    try_on(model, arch, data.classes, images.shape[-1])
    channel_mean, channel_std = given or normalisation(arch) or (data.mean, data.std)
    score = sd.measure.evaluate(
        model.to(device),
        images,
        labels,
        mean=channel_mean,
        std=channel_std,
        batch_size=batch_size,
    )
    accuracy = f"top1 {score.top1:.2f} %  top5 {score.top5:.2f} %"
    print(f"{accuracy}  loss {score.loss:.4f}  ece {score.ece:.4f}  brier {score.brier:.4f}  n {score.n:,}")


def _three(name: str, text: str) -> tuple[float, ...]:
    """Three numbers, such as ``0.485,0.456,0.406``."""
    try:
        red, green, blue = (float(part) for part in text.split(","))
        if not all(map(isfinite, (red, green, blue))):
            raise ValueError
    except ValueError:
        raise BadInput(f"{name}: {text!r} is not three numbers; give R,G,B such as 0.485,0.456,0.406") from None
    return red, green, blue


if __name__ == "__main__":
    verb.main(app)
