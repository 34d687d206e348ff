"""Our codec and two strangers, on random messages of every kind: compare.py PDU N SEED

Each message is chosen as fields, written by our codec, and read by our codec, by pycrate and by tshark. Every field
that a reader shows must be the one chosen; and pycrate must write the same octets again for what it has read. Where a stranger is known to be
wrong, the fault below takes out the fields that it spoils, for the messages that it spoils, and is counted.
"""
import collections
import json
import multiprocessing
import subprocess
import sys

import generate
import pycrate_reader
import tshark_reader

BATCH = 5000
TEXT = {"tpdu.text", "tpdu.data"}
HEADER = {"tpdu.udh", "tpdu.concat", "tpdu.ports", "tpdu.nl"}
USER_DATA = TEXT | HEADER | {"tpdu.udl"}


def tpdu(message):
    return message.get("tpdu", {})


def dcs(message):
    return tpdu(message).get("dcs", 0)


def digits_beyond_9(address):
    return address is not None and not address["value"].isdecimal()


# Country codes of several networks, which the next digits tell apart (E.164 clause 6.2.3).
SHARED_CODES = ("881", "882", "883")


def without_country(message):
    """An international E.164 number too short for a country code of three digits, or for the network behind a shared
    one, or with *#abc."""
    addresses = [message.get("rp_oa"), message.get("rp_da"), tpdu(message).get("addr")]
    numbers = [address["value"] for address in addresses if address and (address["ton"], address["npi"]) == (1, 1)]
    return any(len(n) < 3 or not n.isdecimal() or n.startswith(SHARED_CODES) and len(n) < 6 for n in numbers)


# reader, fault, messages concerned, fields that it spoils ("*": all of the TPDU), whether it also spoils writing
FAULTS = [
    ("pycrate", "drops a final @ or CR of a text", lambda m: tpdu(m).get("text", "")[-1:] in ("@", "\r"), {"tpdu.text"}, False),
    ("pycrate", "drops a final @ or CR of a name", lambda m: tpdu(m).get("addr", {}).get("value", "")[-1:] in ("@", "\r"), {"tpdu.addr.value"}, False),
    ("pycrate", "has no national language tables", lambda m: "nl" in tpdu(m), {"tpdu.text"}, False),
    ("pycrate", "reads TP-DCS 80-BF and alphabet bits 11 as 8-bit", lambda m: 0x80 <= dcs(m) < 0xC0 or dcs(m) < 0x80 and dcs(m) & 0x0C == 0x0C, TEXT, True),
    ("pycrate", "reads TP-DCS F8-FB as UCS2", lambda m: 0xF8 <= dcs(m) < 0xFC, TEXT, True),
    ("pycrate", "reads TP-DCS C4-C7, CC-CF, D4-D7, DC-DF, E4-E7, EC-EF as 8-bit", lambda m: 0xC0 <= dcs(m) < 0xF0 and dcs(m) & 4, TEXT, True),
    ("pycrate", "takes TP-CDL for a number of bits", lambda m: tpdu(m).get("type") == "SMS-COMMAND", {"tpdu.cd"}, True),
    ("pycrate", "shows A-E in an RP address as hexadecimal digits", lambda m: digits_beyond_9(m.get("rp_oa")) or digits_beyond_9(m.get("rp_da")),
     {"rp_oa.value", "rp_da.value"}, False),
    ("tshark", "takes 1 to 3 of the 7 octets of an enhanced TP-VP", lambda m: tpdu(m).get("vpf") == 1, USER_DATA | {"tpdu.vp"}, False),
    ("tshark", "takes a TP-FCS below 80 for a TP-PI", lambda m: tpdu(m).get("fcs", 0x80) < 0x80, {"*"}, False),
    ("tshark", "has no national language tables", lambda m: "nl" in tpdu(m), {"tpdu.text"}, False),
    ("tshark", "reads TP-DCS 80-BF and alphabet bits 11 as 8-bit", lambda m: 0x80 <= dcs(m) < 0xC0 or dcs(m) < 0x80 and dcs(m) & 0x0C == 0x0C, TEXT, False),
    ("tshark", "calls a whole message malformed for an international number without a country code", without_country, {"malformed"}, False),
    ("tshark", "shows TP-UD without TP-DCS as octets", lambda m: "udl" in tpdu(m) and "dcs" not in tpdu(m), TEXT, False),
]


def flat(fields, path=""):
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}{name}.")
        else:
            yield path + name, value


def spoiled(path, paths):
    return any(path == p or path.startswith(p + ".") or p == "*" and path.startswith("tpdu.") for p in paths)


def convert(pdu, arguments, lines):
    """The lines of the pdu tool for these lines."""
    run = subprocess.run([pdu, *arguments], input="".join(json.dumps(line) + "\n" for line in lines), stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


# Fields that a reader does not show, and fields derived from those that it shows.
NOT_SHOWN = {
    "ours": set(),
    "pycrate": {"tpdu.alphabet", "tpdu.concat", "tpdu.ports", "tpdu.nl"},
    "tshark": {"rp", "rp_oa", "rp_da", "diag", "tpdu.type", "tpdu.alphabet", "tpdu.udh", "tpdu.vp.raw", "tpdu.vp.fmt", "tpdu.cd", "tpdu.concat.bits",
               "tpdu.ports.bits"},
}


def expected(reader, message):
    """The fields as this reader shows them."""
    for path, value in flat(message):
        relative = path == "tpdu.vp.raw" and isinstance(value, int)
        address = path.startswith(("rp_oa.", "rp_da."))
        if reader == "tshark" and (relative or address):
            pass
        elif spoiled(path, NOT_SHOWN[reader]) or path == "tpdu.alphabet":
            continue
        if reader == "tshark":
            if path == "tpdu.text" or path.endswith("addr.value"):
                value = tshark_reader.shown(value)
            if path.endswith(".tzq"):
                value = abs(value)  # the column has no sign
            if path in TEXT and value == "":
                continue
        yield path, value


def check(reader, message, found, used):
    faults = [fault for fault in FAULTS if fault[0] == reader and fault[2](message)]
    compared, wrong = 0, []
    fields = dict(flat(found))
    if "malformed" in fields:
        guilty = [fault for fault in faults if fault[3] & {"*", "tpdu.udl", "malformed"}]
        used.update(f"{reader} {fault[1]}" for fault in guilty if "malformed" in fault[3])
        if not guilty:
            wrong.append(f"{reader}: malformed")
    for path, value in expected(reader, message):
        guilty = [fault for fault in faults if spoiled(path, fault[3])]
        if guilty:
            used.update(f"{reader} {fault[1]}" for fault in guilty)
            continue
        compared += 1
        if fields.get(path, "nothing") != value:
            wrong.append(f"{reader}: {path}: {value!r} chosen, {fields.get(path, 'nothing')!r} read")
    return compared, wrong


def batch(arguments):
    pdu, count, seed = arguments
    generator = generate.Generator(seed)
    messages = [generator.message() for _ in range(count)]
    written = convert(pdu, ["--encode"], ({"id": number, **message} for number, message in enumerate(messages)))
    failed = [line for line in written if "hex" not in line]
    assert not failed, failed[:3]
    octets = [bytes.fromhex(line["hex"]) for line in written]
    ours = convert(pdu, [], ({"id": line["id"], "layer": "rp", "hex": line["hex"]} for line in written))
    compared, disagreements, used = collections.Counter(), [], collections.Counter()
    for message, raw, own, tshark in zip(messages, octets, ours, tshark_reader.read(octets)):
        pycrate, again = pycrate_reader.read(raw)
        wrong = []
        for reader, found in ("ours", own), ("pycrate", pycrate), ("tshark", tshark):
            number, lines = check(reader, message, found, used)
            compared[reader] += number
            wrong += lines
        spoiling = [fault[1] for fault in FAULTS if fault[0] == "pycrate" and fault[4] and fault[2](message)]
        if spoiling:
            used.update(f"pycrate {name} (and writes so)" for name in spoiling)
        else:
            compared["written by pycrate"] += 1
            if not again:
                wrong.append("pycrate: writes other octets for what it has read")
        disagreements += [f"{raw.hex()}: {line}" for line in wrong]
    return compared, disagreements, used


def main():
    pdu, total, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    batches = [(pdu, min(BATCH, total - start), f"{seed}/{start}") for start in range(0, total, BATCH)]
    compared, disagreements, used = collections.Counter(), [], collections.Counter()
    with multiprocessing.Pool() as pool:
        for done, result in enumerate(pool.imap_unordered(batch, batches), 1):
            compared += result[0]
            disagreements += result[1]
            used += result[2]
            if sys.stderr.isatty():
                print(f"\r{done} of {len(batches)} batches", end="", file=sys.stderr)
    for line in disagreements[:50]:
        print(line)
    print(f"{total} messages, seed {seed}; fields compared: " + ", ".join(f"{count} {name}" for name, count in compared.items()))
    for name, count in sorted(used.items()):
        print(f"  left out {count} times: {name}")
    print(f"disagreements: {len(disagreements)}")
    sys.exit(bool(disagreements))


if __name__ == "__main__":
    main()
