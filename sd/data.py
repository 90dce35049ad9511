"""``python -m sd.data prepare NAME`` and ``list``: grids' data sets; ``weights ARCH``: published weights."""

from typing import Annotated

import typer

from sd import BadInput, verb
from sd.plan.catalogue import DATASETS, nearest

app = verb.app("data")


@app.command()
def prepare(
    name: Annotated[str, typer.Argument(help="A data set; see list.")],
    data_root: verb.DataRoot = None,
) -> None:
    """Download a data set unless it is there, and check it against its checksums."""
    if name not in DATASETS:
        raise BadInput(f"{name!r} is not a known data set; {nearest(name, DATASETS)}")
    from sd.train.datasets import prepare as fetch

    fetch(name, data_root)
    print(f"{name}: {DATASETS[name].train:,} training and {DATASETS[name].test:,} test images are ready")


@app.command()
def weights(
    arch: Annotated[str, typer.Argument(help="An architecture with published weights, such as vit_s32 or timm:NAME.")],
) -> None:
    """Download an architecture's published weights into the Hugging Face cache (HF_HOME), and check that they load."""
    from sd.train.models import build
    from sd.train.models.pretrained import fetch_weights, hub_name

    path = fetch_weights(arch)
    build(arch, 10, pretrained=True)
    print(f"{arch}: {hub_name(arch)} is ready in {path}")


@app.command(name="list")
def list_(data_root: verb.DataRoot = None) -> None:
    """List the data sets, and whether each is here and whole."""
    from sd.train.datasets import load

    for name, facts in DATASETS.items():
        try:
            load(name, data_root)
            state = "ready"
        except BadInput as error:
            state = str(error)
        print(f"{name:10} {facts.classes:4} classes {facts.train:7,} + {facts.test:6,} images  {state}")


if __name__ == "__main__":
    verb.main(app)
