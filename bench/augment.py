"""Images a second of the paper's augmentation on one core: ours, on batches, against torchvision's on PIL images.

Run: python bench/augment.py. Both do crop, flip, AutoAugment, normalising and Cutout of 32×32 images in batches of 96,
alternately in one process with one thread.
"""

import statistics
import time
from collections.abc import Callable, Iterator

import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms.autoaugment import AutoAugment, AutoAugmentPolicy

from sd.plan.recipe import RECIPES
from sd.train.augment import AUGMENT, view
from sd.train.datasets import load

BATCH = 96


def seconds(step: Callable[[], object], repeat: int) -> float:
    started = time.perf_counter()
    for _ in range(repeat):
        step()
    return (time.perf_counter() - started) / repeat


def main() -> None:
    torch.set_num_threads(1)
    data = load("digits")
    images = data.train_images[:BATCH]
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    for name in ("std", "cutout", "aa_cutout"):
        augment = AUGMENT[name]
        policy = [AutoAugment(AutoAugmentPolicy.CIFAR10)] if augment.policy else []
        normalise = [transforms.ToTensor(), transforms.Normalize(data.mean, data.std)]
        place = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
        one_by_one = transforms.Compose([*place, *policy, *normalise])
        steps = iter(range(10**9))

        def theirs(transform: Callable[..., torch.Tensor] = one_by_one, hide: bool = augment.cutout) -> torch.Tensor:
            made = [transform(picture) for picture in pictures]
            for image in made if hide else []:
                y, x = torch.randint(0, 32, (2,)).tolist()
                image[:, max(0, y - 8) : y + 8, max(0, x - 8) : x + 8] = 0
            return torch.stack(made)

        def ours(chosen: str = name, count: Iterator[int] = steps) -> torch.Tensor:
            draws = torch.Generator().manual_seed(next(count))
            return view(images, chosen, data, RECIPES["digits"], draws)

        pairs = [(seconds(ours, 20), seconds(theirs, 2)) for _ in range(15)]
        a, b = (BATCH / statistics.median(times) for times in zip(*pairs, strict=True))
        ratio = statistics.median(there / here for here, there in pairs)
        print(f"{name}: {a:,.0f} images/s, PIL {b:,.0f}, {ratio:.1f} times (medians of {len(pairs)}, one core)")


if __name__ == "__main__":
    main()
