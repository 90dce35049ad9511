"""How much a grid may stand for: lists multiply and includes repeat, so a short file can ask for more than any memory
holds."""

from dataclasses import dataclass

from sd.plan.block import Block

MOST_CELLS = 100_000
MOST_GRIDS = 1_000


@dataclass
class Size:
    """How many cells and grid files one grid has come to so far, all that it includes counted in."""

    cells: int = 0
    grids: int = 0

    def with_block(self, block: Block, recipes: int) -> str | None:
        """What is wrong with taking in a block, each cell of which comes in so many recipes; ``None`` if nothing is."""
        count = _cells(block) * recipes
        if self.cells + count > MOST_CELLS:
            return f"stands for {count:,} cells; a grid has at most {MOST_CELLS:,}, so give fewer values"
        self.cells += count
        return None

    def with_grid(self) -> bool:
        """Count one grid file more; whether it may still be read."""
        self.grids += 1
        return self.grids <= MOST_GRIDS


def _cells(block: Block) -> int:
    """How often a block names a cell, under one recipe."""
    settings = len(block.arch) * len(block.dataset) * len(block.aug) * len(block.label_noise) * len(block.seeds)
    ways = len(block.tau) * len(block.alpha) * len(block.method)
    beside = 2 + sum(size + 1 for size in block.ensembles.sizes)
    return settings * (beside + ways * (block.rounds + len(block.ban)) * max(1, len(block.ensembles.sizes)))
