"""Batches of images on the device, gathered ahead of time where the images do not fit there."""

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import TypeVar

import torch
from torch import Tensor

AHEAD = 2

T = TypeVar("T")


def stream(images: Tensor, batches: Sequence[Tensor], device: torch.device) -> Iterator[Tensor]:
    """The images of each batch, in order, on ``device``.

    Images that lie there are gathered there. Images of the host are gathered by a thread, two batches ahead, into
    pinned memory, from which a stream of its own copies them to a GPU while that computes. That path has never been
    run on a GPU; its thread is what the tests run, with copies that stay on the host.

    Args:
        images: (n, c, h, w) of any dtype, on ``device`` or on the CPU; may be a memory map.
        batches: for each batch the int64 indices of its images, on the CPU.

    Returns:
        (len(batch), c, h, w) for each batch. The thread ends with the iterator, also when that is closed early.
    """
    if images.device.type == device.type:
        return (images[index.to(images.device, non_blocking=True)] for index in batches)
    return _copied(images, batches, device)


def ahead(gather: Callable[[Tensor], T], batches: Sequence[Tensor]) -> Iterator[T]:
    """``gather`` of each batch, in order, done by a thread that is at most :data:`AHEAD` batches ahead.

    Whatever ``gather`` raises is raised here, at its batch. When the iterator is closed the thread ends after the batch
    that it is at.
    """
    room = threading.Semaphore(AHEAD)
    closed = threading.Event()
    ready: SimpleQueue[T | BaseException] = SimpleQueue()

    def work() -> None:
        try:
            for index in batches:
                room.acquire()
                if closed.is_set():
                    return
                ready.put(gather(index))
        except BaseException as error:
            ready.put(error)

    thread = threading.Thread(target=work, name="batches ahead", daemon=True)
    thread.start()
    try:
        for _ in batches:
            found = ready.get()
            if isinstance(found, BaseException):
                raise found
            room.release()
            yield found
    finally:
        closed.set()
        room.release()
        thread.join()


def _copied(images: Tensor, batches: Sequence[Tensor], device: torch.device) -> Iterator[Tensor]:
    """Through pinned memory to a GPU.

    The host's memory is torch's pinned cache, which gives a block to the next batch only when the copy out of it has
    ended; the GPU's is kept from the next batch until the consumer's work on it has ended (``record_stream``).
    """
    side = torch.cuda.Stream(device)

    def gather(index: Tensor) -> tuple[Tensor, torch.cuda.Event]:
        pinned = torch.empty((len(index), *images.shape[1:]), dtype=images.dtype, pin_memory=True)
        torch.index_select(images, 0, index, out=pinned)
        with torch.cuda.stream(side):
            return pinned.to(device, non_blocking=True), side.record_event()

    for batch, copied in ahead(gather, batches):
        consumer = torch.cuda.current_stream(device)
        consumer.wait_event(copied)
        batch.record_stream(consumer)
        yield batch
