"""SIPp processes: started with the files of one check, ended, and what they counted."""

import collections
import csv
import re
import secrets
import socket
import subprocess
import tempfile
from pathlib import Path

GIVEN = set()
SCENARIOS = Path(__file__).resolve().parent / "scenarios"


class Failed(Exception):
    """A check failed, for this reason."""


def need(condition, sentence):
    if not condition:
        raise Failed(sentence)


def free_port(host):
    """A port that is free, below those that the kernel gives to other programs. Each port once."""
    while (port := secrets.randbelow(20000) + 12000) in GIVEN or is_bound(host, port):
        pass
    GIVEN.add(port)
    return port


def is_bound(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


class Sipp:
    """One SIPp process with its files in `folder`."""

    def __init__(
        self, kit, scenario, rows=(), port=0, local=None, calls=1, rate=10, wait=12, extra=(), body=None, server=False
    ):
        self.scenario, self.server = scenario, server
        self.folder = Path(tempfile.mkdtemp(prefix=f"{kit.serial:02d}-{scenario}-", dir=kit.work))
        kit.serial += 1
        local = local or kit.local
        self.where = local, port or free_port(local)
        command = [
            kit.sipp,
            kit.gateway_text,
            "-sf",
            str(SCENARIOS / f"{scenario}.xml"),
            "-nostdin",
            "-i",
            local,
            "-p",
            str(self.where[1]),
        ]
        if rows:
            self.injection = self.folder / "injection.csv"
            self.injection.write_text("SEQUENTIAL\n" + "".join(";".join(row) + "\n" for row in rows), encoding="utf-8")
            command += ["-inf", str(self.injection)]
        command += [
            "-key",
            "domain",
            kit.domain,
            "-key",
            "sc",
            kit.centre,
            "-m",
            str(calls),
            "-r",
            str(rate),
            "-l",
            str(max(100, 40 * rate)),
        ]
        command += [
            "-default_behaviors",
            "all,-bye",
            "-recv_timeout",
            f"{wait}s",
            "-timeout",
            f"{wait + calls // max(rate, 1) + 1}s",
            "-timeout_error",
        ]
        command += [
            "-trace_err",
            "-error_file",
            str(self.folder / "errors"),
            "-trace_stat",
            "-stf",
            str(self.folder / "stat.csv"),
            "-fd",
            "1",
        ]
        command += ["-trace_logs", "-log_file", str(self.folder / "texts"), "-deadcall_wait", "0", *extra]
        if body:
            (self.folder / "rp-data.bin").write_bytes(body)
        (self.folder / "command").write_text(" ".join(command) + "\n")
        kit.tell(" ".join(command))
        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        kit.processes.append(self)
        self.limit = wait + calls // max(rate, 1) + 15
        if server:
            kit.until(lambda: self.process.poll() is not None or is_bound(*self.where), 10)

    def end(self):
        """Waits for the end; Failed when a call failed."""
        try:
            code = self.process.wait(self.limit)
        except subprocess.TimeoutExpired:
            self.stop()
            raise Failed(f"{self.scenario}: SIPp does not end ({self.folder})") from None
        if code != 0:
            raise Failed(f"{self.scenario}: SIPp ended with {code}: {self.reason()}")
        return self

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def reason(self):
        """What SIPp wrote about its failed calls: the unexpected messages and how often they came, or the first lines."""
        files = [path for path in (self.folder / "errors", self.folder / "output") if path.exists() and path.stat().st_size]
        said = files[0].read_text(errors="replace") if files else ""
        met = collections.Counter(re.findall(r"received '([^\r\n]+)", said)) or collections.Counter(
            re.findall(r"(receive timeout on message [^ ]+ ?[^ ]*:\d+)", said)
        )
        if met:
            return "; ".join(f"{start} ({count} times)" for start, count in met.most_common(5))
        return " / ".join(line.strip() for line in said.splitlines() if line.strip())[:400] or "it says nothing"

    def counts(self):
        """SIPp's own statistics, by name."""
        try:
            with (self.folder / "stat.csv").open() as lines:
                rows = list(csv.DictReader(lines, delimiter=";"))
            return {
                name.removesuffix("(C)"): int(value)
                for name, value in rows[-1].items()
                if name and value.isdigit() and name.endswith("(C)")
            }
        except (OSError, IndexError):
            return {}

    def marks(self):
        """The marks in the texts that a client received."""
        path = self.folder / "texts"
        return re.findall(r"#(\d+)#", path.read_text(errors="replace")) if path.exists() else []

    def response_times(self):
        """The response times that SIPp wrote (-trace_rtt)."""
        times = sorted(
            float(line.split(";")[1])
            for path in self.folder.glob("*rtt.csv")
            for line in path.read_text().splitlines()[1:]
            if line.count(";") >= 2
        )
        if not times:
            return "no response times"
        return f"response after {times[len(times) // 2]:.0f} ms (median), {times[len(times) * 99 // 100]:.0f} ms (99 %), {times[-1]:.0f} ms (longest)"
