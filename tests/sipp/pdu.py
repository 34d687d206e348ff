"""RP messages (TS 24.011) and TPDUs (TS 23.040) as far as a test phone needs them. Python's own library only."""

import time

GSM = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

RP_DATA_MO, RP_DATA_MT = 0, 1
# From a phone (reports on SMS-DELIVER, which a service centre gets), from the network.
RP_ACK, RP_ERROR = (2, 3), (4, 5)
DELIVER, STATUS_REPORT = 0, 2


def digits(number):
    """Semi-octets with the low one first; F fills the last octet."""
    number += "f" * (len(number) % 2)
    return bytes(int(number[n + 1] + number[n], 16) for n in range(0, len(number), 2))


def number_of(octets, count):
    return "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in octets)[:count]


def type_of_number(number):
    """International or unknown, in the ISDN numbering plan."""
    return 0x91 if number.startswith("+") else 0x81


def tp_address(number):
    plain = number.lstrip("+")
    return bytes([len(plain), type_of_number(number)]) + digits(plain)


def user_data(text, header=b""):
    """(TP-DCS, TP-UDL and TP-UD): GSM 7-bit where the default alphabet has all characters, else UCS2."""
    if not all(character in GSM for character in text):
        octets = header + text.encode("utf-16-be")
        return 0x08, bytes([len(octets)]) + octets
    skipped = -(-len(header) * 8 // 7)
    value = int.from_bytes(header, "little")
    for place, character in enumerate(text, skipped):
        value |= GSM.index(character) << 7 * place
    count = skipped + len(text)
    return 0x00, bytes([count]) + value.to_bytes(-(-count * 7 // 8), "little")


def submit(to, text, mr, report=False, part=None):
    """SMS-SUBMIT. `part` is (reference, total, number); `report` asks for a status report."""
    header = b"" if part is None else bytes([5, 0, 3, *part])
    dcs, octets = user_data(text, header)
    first = 0x01 | (0x20 if report else 0) | (0x40 if part else 0)
    return bytes([first, mr]) + tp_address(to) + bytes([0x00, dcs]) + octets


def deliver(originator, text):
    """SMS-DELIVER with the time of now, in UTC."""
    dcs, octets = user_data(text)
    stamp = digits(time.strftime("%y%m%d%H%M%S00", time.gmtime()))
    return b"\x04" + tp_address(originator) + bytes([0x00, dcs]) + stamp + octets


def rp_data(mr, centre, tpdu, network=False):
    """RP-DATA of a phone, or of a service centre (`network`)."""
    plain = centre.lstrip("+")
    address = bytes([1 + (len(plain) + 1) // 2, type_of_number(centre)]) + digits(plain)
    addresses = address + b"\0" if network else b"\0" + address
    return bytes([RP_DATA_MT if network else RP_DATA_MO, mr]) + addresses + bytes([len(tpdu)]) + tpdu


def rp_ack(mr):
    """The RP-ACK of a phone, with the SMS-DELIVER-REPORT in it."""
    return bytes([2, mr, 0x41, 2, 0x00, 0x00])


def rp_error(mr, cause):
    """The RP-ERROR of a phone, without a diagnostic (extension bit of the cause)."""
    return bytes([4, mr, 1, 0x80 | cause])


class Message:
    """An RP message for a phone, or a report for a service centre. Raises ValueError for another one."""

    def __init__(self, octets):
        self.octets = octets
        self.kind = self.cause = self.originator = self.text = self.part = self.status = None
        try:
            self._read(octets)
        except (IndexError, UnicodeDecodeError) as error:
            raise ValueError(f"a broken RP message: {error}") from None

    def _read(self, octets):
        self.kind, self.mr = octets[0] & 7, octets[1]
        if self.kind == RP_DATA_MT:
            after = 3 + octets[2]
            after += 1 + octets[after]
            tpdu = octets[after + 1 :]
            if len(tpdu) != octets[after]:
                raise ValueError("the length of RP-User-Data is wrong")
            self._read_tpdu(tpdu)
        elif self.kind in RP_ERROR:
            self.cause = octets[3] & 0x7F
        elif self.kind not in RP_ACK:
            raise ValueError(f"RP message type {self.kind} is not for a phone")

    def _read_tpdu(self, tpdu):
        if tpdu[0] & 3 == STATUS_REPORT:
            # TP-MR, TP-RA, TP-SCTS, TP-DT, TP-ST
            self.status = tpdu[4 + (tpdu[2] + 1) // 2 + 14]
            return
        if tpdu[0] & 3 != DELIVER:
            raise ValueError("the TPDU is neither SMS-DELIVER nor SMS-STATUS-REPORT")
        size = (tpdu[1] + 1) // 2
        after = 3 + size
        self.originator = number_of(tpdu[3:after], tpdu[1])
        if tpdu[2] & 0x70 == 0x10:
            self.originator = "+" + self.originator
        dcs, count, octets = tpdu[after + 1], tpdu[after + 9], tpdu[after + 10 :]
        header = octets[: 1 + octets[0]] if tpdu[0] & 0x40 else b""
        if header[1:3] == b"\x00\x03":
            self.part = tuple(header[3:6])
        if dcs & 0x0C == 0x08:
            self.text = octets[len(header) : count].decode("utf-16-be")
            return
        bits, skipped = int.from_bytes(octets, "little"), -(-len(header) * 8 // 7)
        self.text = "".join(GSM[bits >> 7 * place & 0x7F] for place in range(skipped, count))
