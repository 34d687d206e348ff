"""One Kamailio: started and ended by us, with its log and its RPC."""

import asyncio
import contextlib
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

import remains
import ua

# Lines that no Kamailio of the tests may write into its log.
# (A TCP process that sees the others end first logs CRITICAL: "receive_fd(): EOF", "send_fd(): ... Broken pipe".)
CRASHED = re.compile(r"CRITICAL(?!.*(?:receive_fd\(\): EOF|send_fd\(\): .*Broken pipe))|\bBUG\b|core was|child process \d+ exited by a signal|caught a panic")

# TLS of Kamailio 5.6 with OpenSSL 3 says so now and then: its processes share what OpenSSL keeps for one thread. No memory of ipsmgw is freed there. Later
# ones have tls_threads_mode.
FREED_BY_TLS = re.compile(r"freeing already freed pointer .* called from tls: tls_init\.c: ser_free")

# The last words of Kamailio, and then an assertion of tlsf's.
BROKEN_LISTS = re.compile(r"Thank you for flying kamailio!!!\n[^\n]*tlsf_malloc\.c:\d+: .*Assertion .* failed")


# Shared memory stays out of core files: it is 2 GB, and a process that crashes would end only when all of it is on the disk.
with contextlib.suppress(OSError):
    Path("/proc/self/coredump_filter").write_text("0x31")


class KamailioError(Exception):
    """Kamailio did not start, crashed, or left something behind."""


class Kamailio:
    """A process and its folder. `address` is where it listens, `control` its RPC socket."""

    # Seconds in which it is up, and in which it is gone.
    starts_within, ends_within = 30, 30

    # Seconds after which a first process that is alone in its clean-up hangs there.
    hangs_after = 5

    def __init__(self, folder, cfg, address, control, env, program="kamailio", kamcmd="kamcmd", defines=()):
        self.folder = Path(folder)
        self.cfg = Path(cfg)
        self.address = address
        self.control = Path(control)
        self.env = env
        self.program, self.kamcmd = shlex.split(program), shlex.split(kamcmd)
        self.defines = list(defines)
        self.options = []  # of the command line
        self.listens = []  # where, unless the configuration says
        self.may_say = None  # a pattern of log lines that this case provokes on purpose
        self.log_file = self.folder / "kamailio.log"
        self.process = None
        self.names = {}  # of its processes, by process id
        self._endpoints = []

    async def close(self, failed=False):
        """Ends everything; complains about Kamailio unless something else has failed already."""
        for endpoint in self._endpoints:
            await endpoint.close()
        try:
            await self.stop()
        except KamailioError:
            if not failed:
                raise

    # The process

    async def start(self):
        """Starts Kamailio and returns when all its processes are there and wait for work.

        A process that is told to end before it has come to itself never does (Kamailio takes the signal for the main
        process's), so to have sockets is not enough.
        """
        # -M: as kamailio-cfg/run.
        command = [*self.program, "-f", str(self.cfg), "-DD", "-E", "-M", "128", *self.options]
        command += ["-Y", str(self.folder), "-w", str(self.folder), "-P", str(self.folder / "pid")]
        for define in self.defines:
            command += ["-A", define]
        for listen in self.listens:
            command += ["-l", listen]
        with self.log_file.open("ab") as log:
            # A session of its own finds all its processes.
            self.process = subprocess.Popen(
                command, env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        deadline = time.monotonic() + self.starts_within
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                ended = self.process.poll() is not None
                told = "it ended" if ended else f"not within {self.starts_within} s:\n{remains.report(self.processes(), self.names)}"
                await self._end()
                raise KamailioError(f"Kamailio did not start: {told}\nthe log ends with:\n{self.log()[-3000:]}")
            if self.control.exists() and self._is_complete():
                return
            await asyncio.sleep(0.05)

    def _is_complete(self):
        processes = self.try_rpc("core.ps") or ""
        # The one that Kamailio forks last.
        if "tcp main process" not in processes:
            return False
        self.names = remains.names_of(processes)
        return all(stat_of(pid)[0] == "S" for pid in self.processes())

    async def stop(self):
        """Ends Kamailio as systemd does, and checks for processes that it left and for log lines."""
        left = await self._end()
        if left:
            raise KamailioError(f"processes left behind: {left}\nthe log ends with:\n{self.log()[-1500:]}")
        cores = list(self.folder.glob("core*"))
        in_clean_up = self._broke_in_clean_up()
        if self.process.returncode != 0 and not in_clean_up:
            raise KamailioError(f"Kamailio ended with {self.process.returncode}:\n{self.log()[-2000:]}\n{self._told_by(cores)}")
        log = self.log()
        bad = [line for line in log.splitlines() if CRASHED.search(line)]
        if bad and re.search(r"\b5\.[67]\.", self._version()):
            bad = [line for line in bad if not FREED_BY_TLS.search(line)]
        if self.may_say:
            bad = [line for line in bad if not re.search(self.may_say, line)]
        if bad:
            raise KamailioError("the log shows:\n" + "\n".join(bad[:20]))
        # Kamailio does not log a process that dies while the others end.
        if len(cores) > in_clean_up:
            raise KamailioError(f"a process crashed: {self._told_by(cores)}")

    def _version(self):
        return subprocess.run([*self.program, "-v"], capture_output=True, text=True, check=True).stdout.splitlines()[0]

    def _told_by(self, cores):
        """Where the processes crashed that left these files."""
        return "\n".join(f"{core.name}: " + "\n    ".join(remains.backtrace_of(core, self.program[0])) for core in cores)

    async def kill(self):
        """Takes it away at once, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        await asyncio.to_thread(self.process.wait)

    async def wait(self, within):
        """Waits for the end of Kamailio; an error with a report on its processes when it does not come in so many seconds. Kamailio's
        own hang at its very end counts as an end. False: it hung there."""
        deadline, looks = time.monotonic() + within, 0
        while (rest := deadline - time.monotonic()) > 0:
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self.process.wait, min(rest, 1))
                return True
            # One look a second: how often the first process was alone.
            looks = looks + 1 if self._is_in_clean_up(self.processes()) else 0
            if looks > self.hangs_after:
                break
        told = remains.report(self.processes(), self.names)
        if not looks:
            raise KamailioError(f"no end within {within} s:\n{told}")
        self._take_away()
        await asyncio.to_thread(self.process.wait)
        self.process.returncode = 0  # not by our SIGKILL
        print(f"Kamailio's first process hung in its own clean-up; see README.md\n{told}", flush=True)
        return False

    async def _end(self):
        """Ends it. A report on the processes that did not end, or None."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                await self.wait(self.ends_within)
            except KamailioError as error:
                self._take_away()
                await asyncio.to_thread(self.process.wait)
                return str(error)
        left = self.processes()
        if not left:
            return None
        told = remains.report(left, self.names)
        self._take_away()
        return f"the first process has ended, but not:\n{told}"

    def _take_away(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _broke_in_clean_up(self):
        """Kamailio ends its processes wherever they are. Where one was changing the lists of free shared memory, the first process
        finds them broken in its clean-up, and an assertion of the memory manager ends it."""
        broke = self.process.returncode == -signal.SIGABRT and self.pattern_seen(BROKEN_LISTS)
        if broke:
            print("Kamailio's first process found broken lists of free memory in its clean-up; see README.md", flush=True)
        return broke

    def _is_in_clean_up(self, left):
        """Kamailio ends its processes wherever they are. Where that was a timer process with the timers' lock, or in the middle of a
        timer's function, the first process, alone by then, waits for ever when it takes that timer down: one of the DNS cache's, or
        of tm's. Nothing of ipsmgw runs so late: it has nothing to take down."""
        return left == [self.process.pid] and self.pattern_seen("Thank you for flying")

    def processes(self):
        """Its processes, by their session."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            fields = stat_of(folder.name)
            if fields[3] == str(self.process.pid) and fields[0] != "Z":
                found.append(int(folder.name))
        return sorted(found)

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def pattern_seen(self, pattern):
        return re.search(pattern, self.log()) is not None

    # Control

    def try_rpc(self, *command):
        """The answer of an RPC command as text, or None when it failed."""
        command = [*self.kamcmd, "-s", f"unix:{self.control}", *map(str, command)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        failed = done.returncode or done.stdout.startswith("error") or "ERROR" in done.stderr
        return None if failed else done.stdout

    def rpc(self, *command):
        answer = self.try_rpc(*command)
        if answer is None:
            raise KamailioError(f"RPC {command} failed")
        return answer

    def statistics(self, group):
        """The core's counters of one group, by name."""
        found = {}
        for line in self.rpc("stats.fetchn", f"{group}:").splitlines():
            name, _, value = line.strip().partition(":")
            name = name.partition(".")[2] or name
            if value.strip().lstrip("-").isdigit():
                found[name] = int(value)
        return found

    async def until(self, condition, timeout=20.0, what="the expected state"):
        """Waits for a condition on it, looking often."""
        deadline = time.monotonic() + timeout
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not come within {timeout} s")
            await asyncio.sleep(0.05)
        return found

    async def endpoint(self, protocol="udp", host=None, port=0, to=None):
        """A socket of a user agent. `to` is the (address, port) that it sends to."""
        to = to or self.address
        endpoint = await ua.Endpoint.open(to, protocol, host or to[0], port)
        self._endpoints.append(endpoint)
        return endpoint


def stat_of(pid):
    """The fields of /proc/PID/stat from the state on: state, parent, group, session, ..."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["Z", "", "", ""]


def free_port(host="127.0.0.1"):
    """A port of this address that is free for UDP and for TCP. Ports that the kernel gives to outgoing connections are left out: one of
    these may be gone before Kamailio has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        port = random.choice(OWN_PORTS)
        with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family) as tcp:
            # As Kamailio has it: connections of an earlier one that are closed do not count.
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                udp.bind((host, port))
                tcp.bind((host, port))
            except OSError:
                continue
            return port


def own_ports():
    """The ports below those that the kernel chooses from; others where it leaves too few."""
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    return range(10000, first) if first >= 20000 else range(last + 1, 65536) if last <= 60000 else range(10000, 60000)


OWN_PORTS = own_ports()
