"""What processes that do not end are doing: their names, the place in the kernel and in the program where they wait, and their signals."""

import re
import shutil
import subprocess
from pathlib import Path

SIGNALS = ("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt")
FRAMES = 20  # of a backtrace


def names_of(core_ps):
    """Process names by process id, from the answer of the RPC command core.ps: a line with the id, then a line with the name."""
    lines = [line.strip() for line in core_ps.splitlines()]
    return {int(pid): name for pid, name in zip(lines, lines[1:]) if pid.isdigit() and not name.isdigit()}


def report(pids, names=()):
    """A line for each process, then the details of each."""
    found = [(f"{pid} ({dict(names).get(pid, 'unnamed')})", pid) for pid in pids]
    lines = [f"{title}: {state(pid)}" for title, pid in found]
    return "\n".join(lines + [f"{title}:\n    " + "\n    ".join(details(pid)) for title, pid in found]) or "none"


def state(pid):
    status = dict(re.findall(r"^(\w+):\s*(.*)$", read(pid, "status"), re.M))
    if not status:
        return "gone meanwhile"
    signals = ", ".join(f"{key} {status[key].lstrip('0') or '0'}" for key in SIGNALS if key in status)
    return f"{status.get('State')} in {read(pid, 'wchan') or '-'}, parent {status.get('PPid')}, {signals}"


def details(pid):
    frames = read(pid, "stack").splitlines()[:FRAMES]
    return [f"system call {read(pid, 'syscall').strip() or '-'}", *(line.split()[-1] for line in frames), *backtrace(pid)]


def read(pid, name):
    """A file of /proc/PID, as far as it may be read."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""


def backtrace(pid):
    """Where a process is, by gdb if there is one."""
    return by_gdb("-p", str(pid))


def backtrace_of(core, program):
    """Where a process was when it left this core file."""
    return by_gdb("-c", str(core), shutil.which(program) or program)


def by_gdb(*arguments):
    if not shutil.which("gdb"):
        return ["no gdb, so no backtrace"]
    command = ["gdb", "--nx", "--batch", "-ex", f"bt {FRAMES}", *arguments]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout
    except subprocess.TimeoutExpired:
        return ["gdb did not end"]
    return [line for line in said.splitlines() if line.startswith(("#", "Program terminated"))]
