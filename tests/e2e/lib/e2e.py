"""The frame of each case: runs scenarios, each against a gateway with its own folder, and reports failures."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

from gateway import CFG, Gateway, GatewayError  # noqa: F401  for the cases
from phone import Phone, ServiceCentre  # noqa: F401
from ua import CpimClient, ImClient, Timeout, UserAgent, imdn_document  # noqa: F401

# A shell ignores Ctrl-C in what it starts in the background, and a program that inherits this cannot take it back.
signal.signal(signal.SIGINT, signal.default_int_handler)

HERE = Path(sys.argv[0]).resolve().parent
FOLDER = Path(os.environ.get("IPSMGW_E2E_FOLDER") or f"/tmp/ipsmgw-e2e-{HERE.name}-{os.getpid()}")

ALICE, BOB = ("alice", "+15550001"), ("bob", "+15550002")


def equal(found, wanted, what):
    if found != wanted:
        raise AssertionError(f"{what}: expected {wanted!r}, found {found!r}")


class Rows:
    """A table checked row by row: every row that differs is reported, not only the first."""

    def __init__(self):
        self.good = 0
        self.bad = []

    def check(self, row, found, wanted):
        if found == wanted:
            self.good += 1
        else:
            self.bad.append(f"{row}: expected {wanted}, found {found}")

    def done(self, at_least=1):
        print(f"{self.good} rows as they should be, {len(self.bad)} not")
        if self.bad or self.good < at_least:
            raise AssertionError("\n".join(self.bad) or f"only {self.good} rows were checked")


class Phases:
    """Prints the steps of a scenario, so that a failure has a place."""

    def __init__(self):
        self.started = time.monotonic()

    def __call__(self, text):
        print(f"{time.monotonic() - self.started:8.3f}  {text}", flush=True)


say = Phases()


def gateway(**options):
    """The gateway of this case: alice and bob live there unless the case says otherwise.

    `modparams` maps a parameter of the module to its value, and `script` is more of the configuration, both for this
    gateway only.
    """
    modparams, script = options.pop("modparams", {}), options.pop("script", "")
    options.setdefault("people", [ALICE, BOB])
    folder = FOLDER / options.pop("name", "gateway")
    if not modparams and not script:
        return Gateway(folder, **options)
    base = options.pop("cfg", CFG / "kamailio.cfg")
    lines = [f'include_file "{base}"']
    for name, value in modparams.items():
        lines.append(f'modparam("ipsmgw", "{name}", {value if isinstance(value, int) else chr(34) + value + chr(34)})')
    lines.append(script)
    # The last value of a parameter is the one that counts.
    FOLDER.mkdir(parents=True, exist_ok=True)
    cfg = FOLDER / f"{folder.name}.cfg"
    cfg.write_text("#!KAMAILIO\n" + "\n".join(lines) + "\n")
    return Gateway(folder, cfg=cfg, **options)


def certificate():
    """Files with a certificate of 127.0.0.1 for this run and its key, as settings of a gateway."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    cert, key = FOLDER / "cert.pem", FOLDER / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command += ["-keyout", key, "-out", cert, "-subj", "/CN=ims.example", "-addext", "subjectAltName=DNS:ims.example,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return {"tls_cert": cert, "tls_key": key}


def run(*scenarios):
    """Runs the scenarios one after the other and ends the process with the result."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    failed = []
    for scenario in scenarios:
        say(f"--- {scenario.__name__}: {(scenario.__doc__ or '').strip()}")
        try:
            asyncio.run(scenario())
        except Exception:
            failed.append(scenario.__name__)
            traceback.print_exc(file=sys.stdout)
    if failed:
        print(f"FAILED: {', '.join(failed)}; logs in {FOLDER}")
    sys.exit(1 if failed else 0)
