"""Global variables of a Kamailio that runs, for what no request and no RPC command can bring about."""

import functools
import subprocess
from pathlib import Path

POINTER = 8


class Variable:
    """A pointer in one process of Kamailio: `Variable(pid, "cfg_global_lock")`."""

    def __init__(self, pid, name):
        self._memory = Path(f"/proc/{pid}/mem")
        program, base = program_of(pid)
        self._address = base + offsets(program)[name]

    def value(self):
        return self._read(self._address, POINTER)

    def target(self, size):
        """The number that it points at."""
        return self._read(self.value(), size)

    def set_target(self, number, size):
        with self._memory.open("r+b", buffering=0) as memory:
            memory.seek(self.value())
            memory.write(number.to_bytes(size, "little"))

    def _read(self, address, size):
        with self._memory.open("rb", buffering=0) as memory:
            memory.seek(address)
            return int.from_bytes(memory.read(size), "little")


def program_of(pid):
    """Kamailio's program file in this process, and its address. (In another Debian's Kamailio the process is that of the loader.)"""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        addresses, *_, path = line.split()
        if Path(path).name == "kamailio":
            return path, int(addresses.split("-")[0], 16)
    raise AssertionError(f"no program kamailio in process {pid}")


@functools.cache
def offsets(program):
    """The global variables of this program by their names."""
    listed = subprocess.run(["nm", "-D", "--defined-only", program], capture_output=True, text=True, check=True).stdout
    fields = [line.split() for line in listed.splitlines()]
    return {name.partition("@")[0]: int(address, 16) for address, kind, name in (line for line in fields if len(line) == 3)}
