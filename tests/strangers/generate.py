"""Random messages of every kind, as the fields that `pdu --encode` takes (tests/vectors/README.md)."""
import pathlib
import random

TABLES = pathlib.Path(__file__).parent.parent / "vectors" / "tables"
LANGUAGES = ["default", "turkish", "spanish", "portuguese", "bengali", "gujarati", "hindi", "kannada", "malayalam", "oriya",
             "punjabi", "tamil", "telugu", "urdu"]
CAUSES = [1, 8, 10, 11, 21, 22, 27, 28, 29, 30, 38, 41, 42, 47, 50, 69, 81, 95, 96, 97, 98, 99, 111, 127]
UCS2 = ["Привет, ", "你好", "שלום", "مرحبا", "ñandú ", "€", "日本", "한국", "\U0001F600", "\U0001F469\u200d\U0001F4BB", "\U0001F1EB\U0001F1F7", "e\u0301", "ﬁ",
        " ", "A", "z", "9", "\U00010348"]


def table(kind, language):
    """The characters of a table and their number of septets; none where there is no such table."""
    path = TABLES / f"{kind}_{language:02}_{LANGUAGES[language]}.tsv"
    if not path.exists():
        return table(kind, 0)
    cells = [line.split("\t") for line in path.open(encoding="utf-8") if not line.startswith("#")]
    return [chr(int(cell[1], 16)) for cell in cells if len(cell[1]) == 4 and cell[1] != "SS2 " and "DISPUTED" not in cell[-1]]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.characters = {}

    def bit(self):
        return self.random.randint(0, 1)

    def octet(self):
        return self.random.randrange(256)

    def octets(self, count):
        return bytes(self.octet() for _ in range(count))

    def digits(self, shortest):
        alphabet = "0123456789" if self.random.random() < 0.95 else "0123456789*#abc"
        return "".join(self.random.choice(alphabet) for _ in range(self.random.randint(shortest, 20)))

    def septet_text(self, limit, locking=0, single=0):
        """A text of at most `limit` septets in these tables."""
        key = locking, single
        if key not in self.characters:
            one = table("locking", locking)
            two = [c for c in table("single", single) if c not in one]
            self.characters[key] = one, two
        one, two = self.characters[key]
        wanted = self.random.choice([0, 1, 6, 7, 8, 9, limit // 2, limit - 1, limit, self.random.randint(0, limit)])
        extended = self.random.choice([0, 0.1, 0.5])
        text, septets = [], 0
        while septets < min(wanted, limit):
            if septets + 2 <= limit and self.random.random() < extended:
                text.append(self.random.choice(two))
                septets += 2
            else:
                text.append(self.random.choice(one))
                septets += 1
        return "".join(text), septets

    def ucs2_text(self, limit):
        text = ""
        wanted = self.random.choice([0, 2, limit // 2, limit])
        for _ in range(70):
            longer = text + self.random.choice(UCS2)
            if len(longer.encode("utf-16-be")) > min(wanted, limit):
                break
            text = longer
        return text

    def address(self):
        ton = self.random.choice([0, 1, 1, 1, 2, 3, 4, 5, 6, 7])
        if ton == 5:
            text, septets = self.septet_text(11)
            return {"len": (septets * 7 + 3) // 4, "ton": 5, "npi": 0, "value": text}
        digits = self.digits(0)
        npi = self.random.choice([0, 1, 1, 1, 3, 4, 5, 6, 8, 9, 10, 15])
        return {"len": len(digits), "ton": ton, "npi": npi, "value": digits}

    def rp_address(self):
        return {"ton": self.random.choice([0, 1, 1, 2, 3]), "npi": self.random.choice([0, 1, 1, 8, 9]), "value": self.digits(1)}

    def timestamp(self):
        ranges = [(0, 99), (1, 12), (1, 28), (0, 23), (0, 59), (0, 59)]
        values = tuple(self.random.randint(*limits) for limits in ranges)
        zone = self.random.choice([0, 4, 8, -4, -20, 22, 23, 56, -48, self.random.randint(-79, 79)])
        return {"ts": "%02d-%02d-%02dT%02d:%02d:%02d" % values, "tzq": zone}

    def header(self):
        """Elements, and values derived from them."""
        fields = {}
        elements = []
        if self.random.random() < 0.3:
            language = self.random.randint(1, 13)
            for name, identifier in ("single", 0x24), ("locking", 0x25):
                if self.bit() and not (name == "locking" and language == 2):
                    elements.append((identifier, bytes([language])))
                    fields.setdefault("nl", {})[name] = language
        total = self.random.randint(1, 255)
        sequence = self.random.randint(1, total)
        reference = self.random.randrange(65536)
        port = [self.random.randrange(65536) for _ in range(2)]
        kind = self.random.choice(["none", "concat8", "concat16", "ports8", "ports16", "other"])
        if kind == "concat8":
            elements.append((0x00, bytes([reference & 255, total, sequence])))
            fields["concat"] = {"ref": reference & 255, "total": total, "seq": sequence, "bits": 8}
        elif kind == "concat16":
            elements.append((0x08, reference.to_bytes(2, "big") + bytes([total, sequence])))
            fields["concat"] = {"ref": reference, "total": total, "seq": sequence, "bits": 16}
        elif kind == "ports8":
            elements.append((0x04, bytes([port[0] & 255, port[1] & 255])))
            fields["ports"] = {"dst": port[0] & 255, "src": port[1] & 255, "bits": 8}
        elif kind == "ports16":
            elements.append((0x05, port[0].to_bytes(2, "big") + port[1].to_bytes(2, "big")))
            fields["ports"] = {"dst": port[0], "src": port[1], "bits": 16}
        elif kind == "other":
            identifier = self.random.choice([0x70, 0x7F, 0x80, 0x9F, 0xC0, 0xDF])
            elements.append((identifier, self.octets(self.random.randint(0, 6))))
        self.random.shuffle(elements)
        fields["udh"] = [["%02x" % identifier, data.hex()] for identifier, data in elements]
        return fields, 1 + sum(2 + len(data) for _, data in elements)

    def user_data(self, limit=140, dcs=None):
        """TP-DCS, TP-UDHI, TP-UDL and TP-UD."""
        if dcs is None:
            dcs = self.random.choice(GSM7 + UCS + EIGHT_BIT + RESERVED)
        fields, octets = {"udhi": 0}, 0
        if self.random.random() < 0.4:
            header, octets = self.header()
            fields = {"udhi": 1, **header}
        if dcs in GSM7 + RESERVED:
            first = (octets * 8 + 6) // 7
            languages = fields.get("nl", {})
            text, septets = self.septet_text(limit * 8 // 7 - first, languages.get("locking", 0), languages.get("single", 0))
            fields.update(text=text, udl=first + septets, alphabet="gsm7")
        elif dcs in UCS:
            text = self.ucs2_text((limit - octets) // 2 * 2)
            fields.update(text=text, udl=octets + len(text.encode("utf-16-be")), alphabet="ucs2")
        else:
            data = self.octets(self.random.choice([0, 1, 10, limit - octets, self.random.randint(0, limit - octets)]))
            fields.update(data=data.hex(), udl=octets + len(data), alphabet="8bit")
        return dcs, fields

    def deliver(self):
        dcs, user_data = self.user_data()
        return {"type": "SMS-DELIVER", "mms": self.bit(), "lp": self.bit(), "sri": self.bit(), "rp": self.bit(), "addr": self.address(),
                "pid": self.octet(), "dcs": dcs, "scts": self.timestamp(), **user_data}

    def submit(self):
        dcs, user_data = self.user_data()
        fields = {"type": "SMS-SUBMIT", "rd": self.bit(), "srr": self.bit(), "rp": self.bit(), "mr": self.octet(), "addr": self.address(),
                  "pid": self.octet(), "dcs": dcs, **user_data, "vpf": self.random.randrange(4)}
        if fields["vpf"] == 2:
            fields["vp"] = {"fmt": "relative", "raw": self.octet()}
        elif fields["vpf"] == 3:
            fields["vp"] = {"fmt": "absolute", **self.timestamp()}
        elif fields["vpf"] == 1:
            kind = self.random.randrange(4)
            value = [b"", bytes([self.octet()]), bytes([self.random.randint(1, 255)]), bytes([0x32, 0x54, 0x95])][kind]
            raw = bytes([self.bit() << 6 | kind]) + value
            fields["vp"] = {"fmt": "enhanced", "raw": raw.ljust(7, b"\0").hex()}
        return fields

    def parameters(self, limit):
        fields = {"pi": self.random.choice([0, 0, 1, 2, 3, 5, 6, 7, 7]), "udhi": 0}
        if fields["pi"] & 1:
            fields["pid"] = self.octet()
        if fields["pi"] & 4:
            dcs, user_data = self.user_data(limit, None if fields["pi"] & 2 else 0)
            fields.update(user_data)
        else:
            dcs = self.octet()
        if fields["pi"] & 2:
            fields["dcs"] = dcs
        return fields

    def report(self, name, fcs):
        fields = {"type": name}
        if fcs:
            # Mostly those that have a name: tshark takes the others for something else.
            fields["fcs"] = self.octet() | (0x80 if self.random.random() < 0.9 else 0)
        fields.update(self.parameters(120))
        if name == "SMS-SUBMIT-REPORT":
            fields["scts"] = self.timestamp()
        return fields

    def status_report(self):
        fields = {"type": "SMS-STATUS-REPORT", "mms": self.bit(), "lp": self.bit(), "srq": self.bit(), "mr": self.octet(), "addr": self.address(),
                  "scts": self.timestamp(), "dt": self.timestamp(), "st": self.octet(), "udhi": 0}
        if self.bit():
            fields.update(self.parameters(100))
        return fields

    def command(self):
        data = self.octets(self.random.choice([0, 0, 1, 5, 20, 157]))
        return {"type": "SMS-COMMAND", "srr": self.bit(), "udhi": 0, "mr": self.octet(), "pid": self.octet(), "ct": self.octet(), "mn": self.octet(),
                "addr": self.address(), "cdl": len(data), "cd": data.hex()}

    def message(self):
        """An RP message with or without a TPDU."""
        name = self.random.choice(["RP-DATA"] * 6 + ["RP-ACK"] * 2 + ["RP-ERROR"] * 2 + ["RP-SMMA"])
        to_ms = 0 if name == "RP-SMMA" else self.bit()
        fields = {"rp": name, "rp_mr": self.octet()}
        fields["rp_mti"] = {"RP-DATA": 0, "RP-ACK": 2, "RP-ERROR": 4, "RP-SMMA": 6}[name] + to_ms
        if name == "RP-DATA":
            fields["rp_oa"], fields["rp_da"] = (self.rp_address(), None) if to_ms else (None, self.rp_address())
            kinds = [self.deliver] * 3 + [self.status_report] if to_ms else [self.submit] * 3 + [self.command]
            fields["tpdu"] = self.random.choice(kinds)()
        elif name == "RP-ERROR":
            fields["cause"] = self.random.choice(CAUSES)
            if self.random.random() < 0.2:
                fields["diag"] = self.octets(1).hex()
        if name in ("RP-ACK", "RP-ERROR") and self.random.random() < 0.7:
            kind = "SMS-SUBMIT-REPORT" if to_ms else "SMS-DELIVER-REPORT"
            fields["tpdu"] = self.report(kind, name == "RP-ERROR")
        return fields


GSM7 = [0x00, 0x10, 0x11, 0x12, 0x13, 0x40, 0x50, 0x53, 0xC0, 0xC8, 0xC9, 0xCA, 0xCB, 0xD0, 0xD8, 0xD9, 0xF0, 0xF1, 0xF2, 0xF3]
UCS = [0x08, 0x18, 0x19, 0x1A, 0x1B, 0x48, 0x58, 0xE0, 0xE8, 0xE9]
EIGHT_BIT = [0x04, 0x14, 0x15, 0x16, 0x17, 0x44, 0x54, 0xF4, 0xF5, 0xF6, 0xF7]
RESERVED = [0x0C, 0x4F, 0x80, 0x95, 0xBF, 0xC5, 0xD6, 0xF8, 0xFB]
