"""Database servers of our own, PostgreSQL and MariaDB: each in a folder of its own, on a free port of the loopback interface."""

import asyncio
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from gateway import CFG
from kamailio import free_port


class Server:
    """A database server. It is killed at the end: nothing in it is needed any more."""

    user = None  # the account that it runs as when we are root
    stops_by = signal.SIGTERM

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="ipsmgw-db-"))
        self.data = self.folder / "data"
        self.port = free_port()
        self.process = None

    async def __aenter__(self):
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user)
        await asyncio.to_thread(self.make)
        await self.start()
        await asyncio.to_thread(self.fill)
        return self

    async def __aexit__(self, *_):
        await self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def as_user(self, *command):
        """The command, run by the server's account."""
        command = [str(word) for word in command]
        # Not runuser, which would be the parent of the server: who is killed must be ours to wait for.
        change = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups"]
        return change + command if os.geteuid() == 0 else command

    def run(self, *command, **options):
        done = subprocess.run(self.as_user(*command), capture_output=True, text=True, cwd=self.folder, **options)
        if done.returncode != 0:
            raise AssertionError(f"{command[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done.stdout

    async def start(self):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.as_user(*self.command()), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, start_new_session=True
            )
        deadline = time.monotonic() + 60
        while not await asyncio.to_thread(self.answers):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{(self.folder / 'log').read_text()[-2000:]}")
            await asyncio.sleep(0.1)

    def answers(self):
        try:
            self.sql("SELECT 1")
            return True
        except AssertionError:
            return False

    async def stop(self):
        """Stops it, as its operator does."""
        os.kill(self.process.pid, self.stops_by)
        await asyncio.to_thread(self.process.wait)

    async def kill(self):
        """Takes it away at once."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            await asyncio.to_thread(self.process.wait)


class Postgres(Server):
    """PostgreSQL."""

    user = "postgres"
    stops_by = signal.SIGINT  # without waiting for its clients

    @property
    def url(self):
        return f"postgres://postgres:x@127.0.0.1:{self.port}/ipsmgw"

    def program(self, name):
        found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
        return found[-1] if found else name

    def make(self):
        self.run(self.program("initdb"), "-D", self.data, "-A", "trust", "-U", "postgres", "--no-sync")

    def command(self):
        return [self.program("postgres"), "-D", self.data, "-p", self.port, "-k", self.folder, "-h", "127.0.0.1"]

    def fill(self):
        self.sql("CREATE DATABASE ipsmgw")
        self.run("psql", "-v", "ON_ERROR_STOP=1", self.url, input=(CFG / "schema/postgresql.sql").read_text())

    def sql(self, statement, database="postgres"):
        return self.run("psql", "-XAtc", statement, self.url.replace("/ipsmgw", f"/{database}"))

    async def kill(self):
        # The server's own processes have sessions of their own; they end when the first one is gone.
        await super().kill()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.answers():
            await asyncio.sleep(0.05)


class MariaDb(Server):
    """MariaDB."""

    user = "mysql"

    @property
    def url(self):
        return f"mysql://root:x@127.0.0.1:{self.port}/ipsmgw"

    def make(self):
        self.run("mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--skip-test-db")

    def command(self):
        return [
            shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.data}", f"--port={self.port}",
            f"--socket={self.folder}/socket", "--bind-address=127.0.0.1", "--skip-grant-tables", "--skip-networking=0",
        ]

    def fill(self):
        self.sql("CREATE DATABASE ipsmgw")
        self.run("mariadb", "--no-defaults", f"--socket={self.folder}/socket", "ipsmgw", input=(CFG / "schema/mariadb.sql").read_text())

    def sql(self, statement, database=None):
        words = ["mariadb", "--no-defaults", f"--socket={self.folder}/socket", "-Ne", statement]
        return self.run(*words, *([database] if database else []))
