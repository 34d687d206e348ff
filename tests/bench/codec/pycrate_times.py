"""pycrate's times for the message that codec.rs prints first, in the same form."""
import sys
import time

from pycrate_mobile.TS24011_PPSMS import PPSMSRPTypeClasses
from pycrate_mobile.TS23040_SMS import SMS_SUBMIT


def decode(octets):
    rp = PPSMSRPTypeClasses[octets[0] & 7]()
    rp.from_bytes(octets)
    submit = SMS_SUBMIT()
    submit.from_bytes(rp["RPUserData"].to_bytes()[1:])
    return submit["TP_UD"][2].decode()


def best(run, count=20, batches=30):
    times = []
    for _ in range(batches):
        start = time.perf_counter_ns()
        for _ in range(count):
            run()
        times.append((time.perf_counter_ns() - start) / count)
    return min(times)


octets = bytes.fromhex(sys.argv[1])
assert len(decode(octets)) == 160, decode(octets)
print(f"pycrate decode\t{best(lambda: decode(octets)):.1f}\t160 septets")
