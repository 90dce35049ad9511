"""Single files of public GitHub repositories, told from any others by the hash under which Git knows them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GitHubFile:
    """A file of a repository.

    Attributes:
        repository: ``owner/name``.
        commit: where it stands under ``path``.
        blob: Git's object id of its content, as the repository's tree lists it: 40 hexadecimal digits.
    """

    repository: str
    commit: str
    path: str
    blob: str

    @property
    def name(self) -> str:
        """The file's own name, which it keeps."""
        return Path(self.path).name

    @property
    def url(self) -> str:
        """Where its bytes are served."""
        return f"https://github.com/{self.repository}/raw/{self.commit}/{self.path}"

    def is_whole(self, path: Path) -> bool:
        """Whether the file there is this one, byte by byte."""
        return path.is_file() and git_blob(path.read_bytes()) == self.blob

    def fetch(self, folder: Path) -> Path:
        """Download it into ``folder``, unless it is there; its path.

        Raises:
            OSError, RuntimeError: it cannot be fetched, or what came is another file; that one is left there.
        """
        from torchvision.datasets.utils import download_url

        path = folder / self.name
        if not self.is_whole(path):
            path.unlink(missing_ok=True)  # what was cut off would be taken for whole: there is no MD5 to hand over
            download_url(self.url, folder, path.name)
            if not self.is_whole(path):
                raise RuntimeError(f"{path.name} is not the published file: Git's hash of it is not {self.blob}")
        return path


def git_blob(content: bytes) -> str:
    """Git's object id of a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
