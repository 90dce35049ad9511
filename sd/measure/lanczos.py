"""Lanczos' iteration with full re-orthogonalisation: a symmetric operator's extreme eigenpairs and its quadrature."""

import contextlib
import math
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
import torch
from torch import Tensor

from sd.measure.scratch import Scratch
from sd.train.randomness import generator

Array = npt.NDArray[np.float64]


class Basis:
    """Orthonormal vectors, as rows: in memory, or in a file where they are read a block at a time.

    Saved, they go into the same file: only what came since the last time is written.
    """

    def __init__(self, size: int, capacity: int, like: Tensor, scratch: Scratch, name: str, *, resident: bool) -> None:
        """
        Args:
            size: length of a row.
            capacity: the most rows.
            like: a tensor of their dtype and device.
            resident: whether the rows are held in memory.
        """
        self._size, self._like, self._scratch, self._name = size, like, scratch, f"{name}.rows"
        self._rows = like.new_empty((capacity, size)) if resident else None
        self._own: tempfile.TemporaryDirectory[str] | None = None
        if not resident and scratch.folder is None:
            self._own = tempfile.TemporaryDirectory(prefix="sd-lanczos-")
            self._scratch = Scratch(Path(self._own.name))
        self._length = 0
        self._checks: list[int] = []
        """CRC of each row that is in the file."""

    def __len__(self) -> int:
        return self._length

    def append(self, row: Tensor) -> None:
        """Add a vector of norm one that is orthogonal to the others."""
        if self._rows is None:
            self._write(row)
        else:
            self._rows[self._length] = row
        self._length += 1

    def last(self, back: int = 1) -> Tensor:
        """The last row, or the one ``back`` rows from the end."""
        return next(self._blocks(self._length - back, self._length - back + 1))[0]

    def remove_from(self, vector: Tensor) -> None:
        """Make ``vector`` orthogonal to all rows, in place: twice, which is enough (Giraud et al., 2005)."""
        for _ in range(2):
            for block in self._blocks(0, self._length):
                vector -= block.T @ (block @ vector)

    def combine(self, coefficients: Array) -> Tensor:
        """Sums of the rows: coefficients (rows, k), result (k, size)."""
        wanted = torch.as_tensor(coefficients.T.copy(), dtype=self._like.dtype, device=self._like.device)
        total = self._like.new_zeros((len(wanted), self._size))
        at = 0
        for block in self._blocks(0, coefficients.shape[0]):
            total += wanted[:, at : at + len(block)] @ block
            at += len(block)
        return total

    def save(self) -> list[int]:
        """Write the rows that are not in the file yet; the checks of all."""
        for index in range(len(self._checks), self._length):
            self._write(next(self._blocks(index, index + 1))[0])
        return list(self._checks)

    def restore(self, checks: list[int]) -> bool:
        """Take up the rows with these checks from the file; whether they are all there and undamaged."""
        for check in checks:
            try:
                row = self._read(len(self._checks), 1)
            except (OSError, ValueError):
                return False
            if zlib.crc32(row.tobytes()) != check:
                return False
            if self._rows is not None:
                self._rows[self._length] = torch.from_numpy(row[0])
            self._checks.append(check)
            self._length += 1
        return True

    def _write(self, row: Tensor) -> None:
        blob = row.cpu().numpy().tobytes()
        self._checks.append(self._scratch.append(self._name, len(self._checks) * len(blob), blob))

    def _read(self, start: int, count: int) -> npt.NDArray[Any]:
        assert self._scratch.folder is not None
        kind = np.dtype(str(self._like.dtype).removeprefix("torch."))
        path = self._scratch.folder / self._name
        with path.open("rb") as file:
            found = np.fromfile(file, dtype=kind, count=count * self._size, offset=start * self._size * kind.itemsize)
        return found.reshape(count, self._size)

    def _blocks(self, start: int, stop: int) -> Iterator[Tensor]:
        if self._rows is not None:
            if stop > start:
                yield self._rows[start:stop]
            return
        each = max(1, _BLOCK_BYTES // (self._size * self._like.dtype.itemsize))
        for at in range(start, stop, each):
            yield torch.from_numpy(self._read(at, min(each, stop - at))).to(self._like.device)


_BLOCK_BYTES = 1 << 29


@dataclass(frozen=True)
class Ritz:
    """Eigenpairs of the operator on the Krylov space, ascending: what approximates the operator's own.

    Attributes:
        values: (m,).
        residuals: ‖Hy − θy‖ for each Ritz vector y, and no less than rounding: an eigenvalue of the operator is at most
            this far from θ.
        coefficients: (m, m), of the Ritz vectors in the basis, as columns.
        weights: squared products of the Ritz vectors with the start: Gauss quadrature, Σ w f(θ) ≈ startᵀ f(H) start.
        complete: the basis spans the whole space, so that the values are all eigenvalues of the operator.
    """

    values: Array
    residuals: Array
    coefficients: Array
    weights: Array
    complete: bool


class Lanczos:
    """One run: ``steps`` products, each with the newest vector of an orthonormal basis that begins with ``start``.

    Where the Krylov space of the start is exhausted it goes on from a random vector orthogonal to it, and so finds
    the further copies of multiple eigenvalues; these have no part in the quadrature.
    """

    def __init__(
        self,
        product: Callable[[Tensor], Tensor],
        start: Tensor,
        steps: int,
        *,
        seed: int,
        against: Tensor | None = None,
        scratch: Scratch,
        name: str,
        resident: bool = True,
    ) -> None:
        """
        Args:
            product: H·v, of vectors (p,).
            start: (p,), of norm one, orthogonal to ``against``.
            against: orthonormal rows (k, p); the operator is H restricted to what is orthogonal to them.
            scratch, name: where the state is saved, and taken up if there is one.
            resident: whether the basis is held in memory.
        """
        self._product, self._against, self._scratch, self._name = product, against, scratch, name
        self._steps = min(steps, len(start) - (0 if against is None else len(against)))
        self._seed = seed
        self.alpha: list[float] = []
        self.beta: list[float] = []
        self.basis = Basis(len(start), self._steps + 1, start, scratch, name, resident=resident)
        if not self._resume(len(start), start, resident=resident):
            self.basis.append(start)

    def run(self, on_step: Callable[[int, int], None] = lambda done, total: None) -> Ritz:
        """Take the steps that are left; what was found so far is saved if anything is raised."""
        try:
            while len(self.alpha) < self._steps:
                on_step(len(self.alpha), self._steps)
                self._step()
                if self._scratch.is_due():
                    self._save()
        except BaseException:
            with contextlib.suppress(OSError):  # what stopped it should be seen, not a disk that is full besides
                self._save()
            raise
        return self._ritz()

    def _step(self) -> None:
        newest = self.basis.last()
        w = self._product(newest)
        alpha = float(newest.double() @ w.double())
        self._orthogonalise(w)
        beta = float(torch.linalg.vector_norm(w, dtype=torch.float64))
        scale = max(map(abs, [alpha, *self.alpha, *self.beta]))
        if beta <= 100 * torch.finfo(w.dtype).eps * scale or len(self.alpha) + 1 == self._room(w):
            beta = 0.0
            w = self._fresh(w)
        if len(self.alpha) + 1 < self._room(w):
            self.basis.append(w.div_(torch.linalg.vector_norm(w, dtype=torch.float64).to(w.dtype)))
        self.alpha.append(alpha)
        self.beta.append(beta)

    def _room(self, w: Tensor) -> int:
        """The dimension of the space."""
        return len(w) - (0 if self._against is None else len(self._against))

    def _orthogonalise(self, w: Tensor) -> None:
        for _ in range(1 if self._against is None else 2):
            if self._against is not None:
                w -= self._against.T @ (self._against @ w)
            self.basis.remove_from(w)

    def _fresh(self, like: Tensor) -> Tensor:
        """A random vector orthogonal to the basis."""
        draws = generator(like.device, self._seed, "restart", self._name, len(self.alpha))
        w = torch.randn(like.shape, generator=draws, dtype=like.dtype, device=like.device)
        self._orthogonalise(w)
        return w

    def _ritz(self) -> Ritz:
        diagonal, off = np.array(self.alpha), np.array(self.beta)
        values, vectors = scipy.linalg.eigh_tridiagonal(diagonal, off[:-1])
        breaks = np.flatnonzero(off[:-1] == 0)
        first = int(breaks[0]) + 1 if len(breaks) else len(diagonal)
        weights = vectors[0] ** 2
        if first < len(diagonal):  # eigenvectors of blocks that share a value may have been mixed
            own, inner = scipy.linalg.eigh_tridiagonal(diagonal[:first], off[: first - 1])
            weights = np.zeros(len(values))
            free = np.ones(len(values), dtype=bool)
            for value, weight in zip(own, inner[0] ** 2, strict=True):
                nearest = int(np.argmin(np.where(free, np.abs(values - value), math.inf)))
                weights[nearest], free[nearest] = weight, False
        return Ritz(
            values=values.astype(np.float64),
            residuals=np.maximum(np.abs(off[-1] * vectors[-1]), self._rounding() * np.abs(values).max()),
            coefficients=vectors.astype(np.float64),
            weights=weights,
            complete=len(diagonal) == self._room(self.basis.last()),
        )

    def _rounding(self) -> float:
        """What a product's own rounding leaves of a residual, as a fraction of the largest eigenvalue."""
        return float(4 * torch.finfo(self.basis.last().dtype).eps)

    def _save(self) -> None:
        if self._scratch.folder is not None and self.alpha:
            self._scratch.keep(self._name, {"alpha": self.alpha, "beta": self.beta, "checks": self.basis.save()})

    def _resume(self, size: int, start: Tensor, *, resident: bool) -> bool:
        state = self._scratch.kept(self._name)
        if state is None:
            return False
        done = min(len(state["alpha"]), len(state["beta"]), self._steps)
        if self.basis.restore(state["checks"][: done + 1]):
            self.alpha, self.beta = state["alpha"][:done], state["beta"][:done]
            return True
        self.basis = Basis(size, self._steps + 1, start, self._scratch, self._name, resident=resident)
        return False
