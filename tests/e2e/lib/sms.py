"""Short messages, built and read by pycrate: a codec that shares no line and no author with the gateway's own.

Only what pycrate is known to get wrong is done here: TP-UDL when seven bits are left over in the last octet, and the
last septet of a text that is `@`.
"""

import dataclasses
import logging
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
from pycrate_mobile import TS23040_SMS as tp  # noqa: E402
from pycrate_mobile import TS24011_PPSMS as rp  # noqa: E402
from pycrate_mobile.TS23038 import decode_7b, encode_7b  # noqa: E402

logging.disable(logging.WARNING)  # pycrate says aloud what it cannot read; we look at what it returns

INTERNATIONAL, ALPHANUMERIC, UNKNOWN = 1, 5, 0
UCS2 = 0x08

NAMES = {0: "RP-DATA", 1: "RP-DATA", 2: "RP-ACK", 3: "RP-ACK", 4: "RP-ERROR", 5: "RP-ERROR", 6: "RP-SMMA"}


def gsm7(text):
    """(packed septets, their number) or None when the default alphabet and its extension lack a character."""
    try:
        octets, count = encode_7b(text)
    except Exception:  # pycrate raises its own, and a KeyError for some
        return None
    return (octets, count) if text == unpacked(octets, count) else None


def unpacked(octets, count):
    """`count` septets as text; pycrate takes a last `@` for fill."""
    text = decode_7b(octets)
    return text + "@" if septets(text) == count - 1 else text


def septets(text):
    return sum(2 if c in "^{}\\[~]|€\f" else 1 for c in text)


def address(number):
    """TP-OA or TP-DA fields for +E.164, a bare number or a name."""
    if number.startswith("+"):
        return {"Type": INTERNATIONAL, "NumberingPlan": 1, "Num": number[1:]}
    if number.isdigit():
        return {"Type": UNKNOWN, "NumberingPlan": 1, "Num": number}
    return {"Type": ALPHANUMERIC, "NumberingPlan": 0, "Num": number}


def _user_data(text):
    """(TP-DCS octet, the octets from TP-UDL on) for a text."""
    packed = gsm7(text)
    if packed:
        return 0x00, bytes([packed[1]]) + packed[0]
    octets = text.encode("utf-16-be")
    return UCS2, bytes([len(octets)]) + octets


def _tp_address(cls, number):
    field = cls()
    field.set_val(address(number))
    return field.to_bytes()


def scts(when=None, quarters=0):
    """TP-SCTS: seven octets of swapped BCD."""
    stamp = tp.TP_SCTS()
    stamp.encode(time.gmtime(when), quarters / 4)
    return stamp.to_bytes()


def submit(to, text, mr=0, srr=False, vp=None, first=0x01, pid=0x00, dcs=None, user_data=None):
    """An SMS-SUBMIT. `user_data` (from TP-UDL on) and `dcs` replace the values made from the text."""
    coding, octets = _user_data(text) if user_data is None else (dcs or 0, user_data)
    first |= (0x20 if srr else 0) | (0x10 if vp is not None else 0)
    validity = b"" if vp is None else bytes([vp])
    head = bytes([first, mr]) + _tp_address(tp.TP_DA, to)
    return head + bytes([pid, coding if dcs is None else dcs]) + validity + octets


def parts(text, reference, sixteen_bit=False):
    """(TP-DCS, the octets from TP-UDL on) for each part of a concatenated text (23.040 9.2.3.24.1). Written by hand: pycrate
    counts a septet too many in some lengths."""
    packed = gsm7(text)
    if packed:
        bits = int.from_bytes(packed[0], "little")
        units = [bits >> 7 * n & 0x7F for n in range(packed[1])]
        size, escape = (152 if sixteen_bit else 153), lambda unit: unit == 0x1B
    else:
        octets = text.encode("utf-16-be")
        units = [octets[n : n + 2] for n in range(0, len(octets), 2)]
        size, escape = (66 if sixteen_bit else 67), lambda unit: 0xD8 <= unit[0] <= 0xDB
    cut = [0]
    while cut[-1] < len(units):
        end = min(cut[-1] + size, len(units))
        # An escape pair, or a pair of surrogates, stays together.
        cut.append(end - 1 if end < len(units) and escape(units[end - 1]) else end)
    total = len(cut) - 1
    for n, (start, end) in enumerate(zip(cut, cut[1:]), 1):
        element = bytes([8, 4, reference >> 8, reference & 255, total, n] if sixteen_bit else [0, 3, reference, total, n])
        header = bytes([len(element)]) + element
        if packed:
            septets_before = -(-len(header) * 8 // 7)
            value = int.from_bytes(header, "little")
            for place, unit in enumerate(units[start:end], septets_before):
                value |= unit << 7 * place
            count = septets_before + end - start
            yield 0x00, bytes([count]) + value.to_bytes(-(-count * 7 // 8), "little")
        else:
            body = header + b"".join(units[start:end])
            yield UCS2, bytes([len(body)]) + body


def deliver(from_, text, first=0x04, pid=0x00, when=None, dcs=None, user_data=None):
    """An SMS-DELIVER as a service centre makes it. `from_` may be the octets of TP-OA; `dcs` and `user_data` as in `submit`."""
    coding, octets = _user_data(text) if user_data is None else (dcs or 0, user_data)
    originator = from_ if isinstance(from_, bytes) else _tp_address(tp.TP_OA, from_)
    return bytes([first]) + originator + bytes([pid, coding if dcs is None else dcs]) + scts(when) + octets


def status_report(mr, recipient, status, when=None):
    """An SMS-STATUS-REPORT as a service centre makes it."""
    stamp = scts(when)
    return bytes([0x06, mr]) + _tp_address(tp.TP_DA, recipient) + stamp + stamp + bytes([status])


def command(to, mr=0, type_=0x00, number=0):
    """An SMS-COMMAND about the message with TP-MR `number`: an enquiry, unless `type_` says otherwise."""
    return bytes([0x02, mr, 0x00, type_, number]) + _tp_address(tp.TP_DA, to) + b"\0"


def submit_report(fcs):
    """An SMS-SUBMIT-REPORT for an RP-ERROR."""
    return bytes([0x01, fcs, 0x00]) + scts()


def rp_data(mr, centre, tpdu, network=False):
    """RP-DATA; the address is RP-DA from a phone, RP-OA from the network."""
    message = rp.RP_DATA_MT() if network else rp.RP_DATA_MO()
    field = rp.RPOriginatorAddress() if network else rp.RPDestinationAddress()
    field.set_val({"Type": INTERNATIONAL, "NumberingPlan": 1, "Num": centre.lstrip("+")})
    name = "RPOriginatorAddress" if network else "RPDestinationAddress"
    message["Ref"].set_val(mr)
    message[name]["V"].set_val(field.to_bytes())
    message["RPUserData"]["V"].set_val(tpdu)
    return message.to_bytes()


def rp_ack(mr, tpdu=b"", network=False):
    user_data = bytes([0x41, len(tpdu)]) + tpdu if tpdu else b""
    return bytes([3 if network else 2, mr]) + user_data


def rp_error(mr, cause, tpdu=b"", network=False):
    user_data = bytes([0x41, len(tpdu)]) + tpdu if tpdu else b""
    # The extension bit: no diagnostic follows (24.011 8.2.5.4).
    return bytes([5 if network else 4, mr, 1, 0x80 | cause]) + user_data


def rp_smma(mr):
    return bytes([6, mr])


def deliver_report(fcs=None):
    """An SMS-DELIVER-REPORT with no optional element; with TP-FCS it belongs into an RP-ERROR."""
    return bytes([0x00, 0x00]) if fcs is None else bytes([0x00, fcs, 0x00])


@dataclasses.dataclass
class Tpdu:
    """A TPDU as pycrate reads it."""

    kind: str
    octets: bytes
    mr: int | None = None
    address: str | None = None
    pid: int | None = None
    dcs: int | None = None
    fcs: int | None = None
    st: int | None = None
    scts: bytes | None = None
    srr: int | None = None
    mms: int | None = None
    text: str | None = None
    part: tuple[int, int, int] | None = None  # reference, total, sequence number of a concatenated SM


@dataclasses.dataclass
class Rp:
    """An RP message as pycrate reads it."""

    kind: str
    mti: int
    mr: int
    octets: bytes
    centre: str | None = None
    cause: int | None = None
    tpdu: Tpdu | None = None

    def __str__(self):
        parts = [f"{self.kind} {self.mr}"]
        if self.cause is not None:
            parts.append(f"cause {self.cause} ({cause_name(self.cause)})")
        if self.tpdu:
            parts.append(str(self.tpdu.kind))
            if self.tpdu.address:
                parts.append(("to " if self.tpdu.kind == "SMS-SUBMIT" else "from ") + self.tpdu.address)
            if self.tpdu.fcs is not None:
                parts.append(f"TP-FCS {self.tpdu.fcs:02X}")
            if self.tpdu.text is not None:
                alphabet = "UCS2" if self.tpdu.dcs == UCS2 else "GSM 7-bit"
                parts.append(f'[{alphabet}] "{self.tpdu.text}"')
        return ", ".join(parts)


def cause_name(cause):
    """An RP-Cause in words."""
    return rp._RPCause_dict.get(cause, "reserved")


def decode(octets):
    """Reads an RP message with its TPDU, and insists that pycrate writes back the same octets."""
    mti = octets[0] & 7
    message = rp.PPSMSRPTypeClasses[mti]()
    message.from_bytes(octets)
    found = Rp(NAMES[mti], mti, message["Ref"](), octets)
    if mti in (0, 1):
        field = message["RPDestinationAddress" if mti == 0 else "RPOriginatorAddress"]
        value = field["V"].to_bytes() if field[-1]._name == "V" else field[-1].to_bytes()
        digits = "".join(f"{o & 15:x}{o >> 4:x}" for o in value[1:]).rstrip("f")
        found.centre = ("+" if value[:1] and value[0] >> 4 & 7 == INTERNATIONAL else "") + digits
    if mti in (4, 5):
        found.cause = message["RPCause"].to_bytes()[1] & 0x7F
    if mti != 6:
        user_data = message["RPUserData"]
        raw = b"" if user_data.get_trans() else user_data.to_bytes()
        raw = raw[1:] if mti in (0, 1) else raw[2:]
        if raw:
            found.tpdu = decode_tpdu(raw, mti)
    return found


def described(octets):
    """An RP message for people to read, however broken it is."""
    try:
        return str(decode(octets))
    except Exception as error:  # pycrate raises what it likes: the octets then speak for themselves
        return f"{octets.hex()} ({error!r:.40})"


def decode_tpdu(octets, mti):
    """Reads a TPDU; the RP message that it came in decides which one it can be."""
    kinds = {
        (0, 1): ("SMS-SUBMIT", tp.SMS_SUBMIT), (0, 2): ("SMS-COMMAND", tp.SMS_COMMAND),
        (1, 0): ("SMS-DELIVER", tp.SMS_DELIVER), (1, 2): ("SMS-STATUS-REPORT", tp.SMS_STATUS_REPORT),
        (2, 0): ("SMS-DELIVER-REPORT", tp.SMS_DELIVER_REPORT_RP_ACK),
        (3, 1): ("SMS-SUBMIT-REPORT", tp.SMS_SUBMIT_REPORT_RP_ACK),
        (4, 0): ("SMS-DELIVER-REPORT", tp.SMS_DELIVER_REPORT_RP_ERROR),
        (5, 1): ("SMS-SUBMIT-REPORT", tp.SMS_SUBMIT_REPORT_RP_ERROR),
    }  # fmt: skip
    kind, cls = kinds[(mti, octets[0] & 3)]
    message = cls()
    message.from_bytes(octets)
    found = Tpdu(kind, octets)
    fields = {field._name: field for field in message._content if not field.get_trans()}
    for name, attribute in (("TP_MR", "mr"), ("TP_FCS", "fcs"), ("TP_ST", "st"), ("TP_SRR", "srr"), ("TP_MMS", "mms")):
        if name in fields:
            setattr(found, attribute, fields[name]())
    for name, attribute in (("TP_PID", "pid"), ("TP_DCS", "dcs")):
        if name in fields:
            setattr(found, attribute, fields[name].to_bytes()[0])
    if "TP_SCTS" in fields:
        found.scts = fields["TP_SCTS"].to_bytes()
    for name in ("TP_OA", "TP_DA", "TP_RA"):
        if name in fields:
            number = fields[name]["Num"].decode()
            found.address = ("+" if fields[name]["Type"]() == INTERNATIONAL else "") + number
    if "TP_UD" in fields:
        user_data = fields["TP_UD"]
        plain = user_data["UDH"].get_trans()
        if not plain:
            found.part = part_of(user_data["UDH"].to_bytes())
        if user_data.get_dcs() == tp.DCS_7B and plain:
            found.text = unpacked(user_data["UD"].get_val(), user_data["UDL"]())
        elif isinstance(text := user_data["UD"].decode(), str):
            # UCS2 as phones use it: a character beyond the first plane is a pair of surrogates
            found.text = text
    return found


def part_of(header):
    """(reference, total, sequence number) from a user data header's concatenation element (23.040 9.2.3.24.1)."""
    elements = header[1:]
    while elements:
        kind, length = elements[0], elements[1]
        value, elements = elements[2 : 2 + length], elements[2 + length :]
        if kind in (0x00, 0x08):
            return int.from_bytes(value[:-2], "big"), value[-2], value[-1]
    return None


def tshark(*messages):
    """(the fields of RP messages in Wireshark's dissector, whether it calls one of them malformed)"""
    with tempfile.TemporaryDirectory() as folder:
        dump, capture = Path(folder, "dump"), Path(folder, "capture")
        dump.write_text("".join("000000 " + octets.hex(" ") + "\n" for octets in messages))
        subprocess.run(["text2pcap", "-q", "-l", "147", dump, capture], check=True, capture_output=True)
        dissector = 'uat:user_dlts:"User 0 (DLT=147)","gsm_a_rp","0","","0",""'
        shown = subprocess.run(
            ["tshark", "-r", capture, "-V", "-o", dissector], check=True, capture_output=True, text=True
        ).stdout
    return shown, "Malformed" in shown
