"""A real PostgreSQL of Debian's package, started in a temporary folder for the tests that need one."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

PASSWORD = "s3cr/t@p:ss%w"


class Postgres:
    """A server that listens on a socket in its folder and on a port of this machine, to a user with a password."""

    def __init__(self) -> None:
        self.bin = _programs()
        self.folder = Path(tempfile.mkdtemp(prefix="sd-postgres-"))
        self._as = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        if self._as:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--username=admin", "-D", self.data)
        # A locale of its own order of letters would show itself only where one is installed; ICU is always there.
        settings = "unix_socket_directories = '%s'\nlisten_addresses = '127.0.0.1'\nport = %d\nmax_connections = 150\n"
        with (self.folder / "conf").open("w") as file:
            file.write(settings % (self.folder, self.port) + "fsync = off\nshared_buffers = 64MB\n")
        self._admin(f"cat {self.folder}/conf >> {self.data}/postgresql.conf")
        self._admin(f"echo 'host all sd 127.0.0.1/32 scram-sha-256' > {self.data}/pg_hba.conf")
        self._admin(f"echo 'local all all trust' >> {self.data}/pg_hba.conf")
        self.start()
        self.sql(f"CREATE ROLE sd LOGIN PASSWORD '{PASSWORD}'")
        self._count = 0

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    @property
    def port(self) -> int:
        """A port that follows from this process, so that two sessions of tests do not meet."""
        return 20_000 + os.getpid() % 40_000

    def start(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-l", str(self.folder / "log"), "-w", "-s", "start")

    def stop(self) -> None:
        """Stop at once, as a machine that is switched off."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "-s", "stop")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def new_database(self, *, options: str = "") -> str:
        """Make an empty database, ordered as no program orders bytes; its URL, with user and password."""
        self._count += 1
        name = f"lab{self._count}"
        order = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
        self.sql(f"CREATE DATABASE {name} OWNER sd {options or order}")
        return f"postgresql+psycopg://sd:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{name}"

    def sql(self, statement: str) -> str:
        return self._run(
            "psql",
            "-h",
            str(self.folder),
            "-p",
            str(self.port),
            "-U",
            "admin",
            "-At",
            "-d",
            "postgres",
            "-c",
            statement,
        )

    def _admin(self, script: str) -> None:
        subprocess.run([*self._as, "sh", "-c", script], check=True, cwd=self.folder)

    def _run(self, program: str, *arguments: str) -> str:
        command = [*self._as, str(self.bin / program), *arguments]
        # No pipes: the server would hold them open.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(command, stdout=said, stderr=said, cwd=self.folder, timeout=300)
            said.seek(0)
            text = said.read()
        assert done.returncode == 0, f"{' '.join(command)}: {text}"
        return text


def _programs() -> Path:
    """Where the newest server's programs are. Raises ``LookupError`` if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    here = shutil.which("initdb")
    if here:
        return Path(here).parent
    raise LookupError("no PostgreSQL here; on Debian: apt-get install postgresql")
