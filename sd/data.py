"""``python -m sd.data prepare NAME`` and ``list``: grids' data sets; ``weights ARCH``: published weights."""

import shlex
from importlib.util import find_spec
from typing import Annotated

import typer
from rich.console import Console

from sd import BadInput, verb
from sd.plan.catalogue import DATASETS, TESTBED, nearest
from sd.render.progress import Counting

app = verb.app("data")


@app.command()
def prepare(
    name: Annotated[
        str, typer.Argument(help="A data set, see list; or imagenet_testbed, a table of published models.")
    ],
    data_root: verb.DataRoot = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that decode images. [default: one a core]")
    ] = None,
) -> None:
    """Download a data set unless it is there, check it, and convert it once into files that all jobs share.

    What was killed goes on where it was; what is prepared is checked, byte by byte, and built again if it is damaged.
    """
    if name == TESTBED:
        from sd.train.datasets import data_root as place
        from sd.train.datasets import fetch_testbed

        path = fetch_testbed(name, place(data_root))
        print(f"{name}: {path} is ready; take it in with: python -m sd.db ingest --testbed {shlex.quote(str(path))}")
        return
    if name not in DATASETS:
        raise BadInput(f"{name!r} is not a known data set; {nearest(name, [*DATASETS, TESTBED])}")
    from sd.train.datasets import prepare as build

    with Counting(Console()) as counting:
        build(name, data_root, workers=workers, tell=counting.say, progress=counting)
    print(f"{name}: {DATASETS[name].train:,} training and {DATASETS[name].test:,} test images are ready")


@app.command()
def weights(
    arch: Annotated[str, typer.Argument(help="An architecture with published weights, such as vit_s32 or timm:NAME.")],
) -> None:
    """Download an architecture's published weights into the Hugging Face cache (HF_HOME), and check that they load.

    Of CLIP's architectures the text encoders are fetched, too, which zero-shot teachers are made with.
    """
    from sd.train import zero_shot
    from sd.train.models import build
    from sd.train.models.pretrained import fetch_weights, hub_name

    path = fetch_weights(arch)
    build(arch, 10, pretrained=True)
    print(f"{arch}: {hub_name(arch)} is ready in {path}")
    if arch in zero_shot.ARCHITECTURES:
        if find_spec("open_clip") is None:
            print(f"{arch}: for zero-shot teachers, install open_clip with pip install 'sd[clip]' and run this again")
            return
        path = fetch_weights(arch, zero_shot.FILES)
        zero_shot.read_clip(arch)
        print(f"{arch}: CLIP with its text encoder, for zero-shot teachers, is ready in {path}")


@app.command(name="list")
def list_(data_root: verb.DataRoot = None) -> None:
    """List the data sets, and how each stands here."""
    from sd.train.datasets import standing

    for name, facts in DATASETS.items():
        state = standing(name, data_root)
        print(f"{name:13} {facts.classes:5,} classes {facts.train:9,} + {facts.test:6,} images  {state}")


if __name__ == "__main__":
    verb.main(app)
