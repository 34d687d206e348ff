"""A message as pycrate reads it: fields by their path (`tpdu.addr.value`), and the octets that it writes for them."""
import logging
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

from pycrate_mobile import TS23040_SMS as tp  # noqa: E402
from pycrate_mobile.TS24011_PPSMS import PPSMSRPTypeClasses  # noqa: E402

NAMES = {0: "RP-DATA", 2: "RP-ACK", 4: "RP-ERROR", 6: "RP-SMMA"}
NUMBERS = {"TP_MMS": "mms", "TP_LP": "lp", "TP_SRI": "sri", "TP_SRR": "srr", "TP_SRQ": "srq", "TP_RD": "rd", "TP_RP": "rp",
           "TP_UDHI": "udhi", "TP_VPF": "vpf", "TP_MR": "mr", "TP_FCS": "fcs", "TP_ST": "st", "TP_CT": "ct", "TP_MN": "mn"}
OCTETS = {"TP_PID": "pid", "TP_DCS": "dcs", "TP_PI": "pi"}
# (TP-MTI, to the phone, on RP-ERROR)
TYPES = {(0, 1): ("SMS-DELIVER", tp.SMS_DELIVER), (1, 0): ("SMS-SUBMIT", tp.SMS_SUBMIT), (2, 1): ("SMS-STATUS-REPORT", tp.SMS_STATUS_REPORT),
         (2, 0): ("SMS-COMMAND", tp.SMS_COMMAND)}
REPORTS = {(0, 0, False): ("SMS-DELIVER-REPORT", tp.SMS_DELIVER_REPORT_RP_ACK), (0, 0, True): ("SMS-DELIVER-REPORT", tp.SMS_DELIVER_REPORT_RP_ERROR),
           (1, 1, False): ("SMS-SUBMIT-REPORT", tp.SMS_SUBMIT_REPORT_RP_ACK), (1, 1, True): ("SMS-SUBMIT-REPORT", tp.SMS_SUBMIT_REPORT_RP_ERROR)}


def timestamp(octets):
    parts = [(octet & 15) * 10 + (octet >> 4) for octet in octets[:6]]
    zone = (octets[6] & 7) * 10 + (octets[6] >> 4)
    return {"ts": "%02d-%02d-%02dT%02d:%02d:%02d" % tuple(parts), "tzq": -zone if octets[6] & 8 else zone}


def elements(message):
    return {element._name: element for element in message._content if not element.get_trans()}


def user_data(element):
    length, header, body = element._content
    fields = {"udl": length()}
    if not header.get_trans():
        fields["udh"] = [["%02x" % ie.to_bytes()[0], ie.to_bytes()[2:].hex()] for ie in header[1]._content]
    try:
        content = body.decode()
    except UnicodeDecodeError:
        return fields
    fields["data" if isinstance(content, bytes) else "text"] = content.hex() if isinstance(content, bytes) else content
    return fields


def tpdu(octets, to_ms, carrier):
    key = octets[0] & 3, to_ms
    name, build = TYPES[key] if key in TYPES else REPORTS[(*key, carrier == "RP-ERROR")]
    message = build()
    message.from_bytes(octets)
    fields = {"type": name}
    for name, element in elements(message).items():
        if name in NUMBERS:
            fields[NUMBERS[name]] = element()
        elif name in OCTETS:
            fields[OCTETS[name]] = element.to_bytes()[0]
        elif name in ("TP_OA", "TP_DA", "TP_RA"):
            number = element["Num"].decode()
            fields["addr"] = {"len": element["Len"](), "ton": element["Type"](), "npi": element["NumberingPlan"](), "value": number}
        elif name in ("TP_SCTS", "TP_DT"):
            fields["scts" if name == "TP_SCTS" else "dt"] = timestamp(element.to_bytes())
        elif name == "TP_VPe":
            fields["vp"] = {"fmt": "enhanced", "raw": element.to_bytes().hex()}
        elif name == "TP_VP":
            raw = element.to_bytes()
            fields["vp"] = {"fmt": "relative", "raw": raw[0]} if len(raw) == 1 else {"fmt": "absolute", **timestamp(raw)}
        elif name == "TP_UD":
            fields.update(user_data(element))
        elif name == "TP_CD":
            fields["cdl"], fields["cd"] = element[0](), element[2].to_bytes().hex()
    return fields, message.to_bytes()


def address(element):
    raw = element.to_bytes()[1:]
    if not raw:
        return None
    digits = "".join("%x%x" % (octet & 15, octet >> 4) for octet in raw[1:]).rstrip("f")
    return {"ton": raw[0] >> 4 & 7, "npi": raw[0] & 15, "value": digits}


def read(octets):
    """Fields, and whether pycrate encodes them to the same octets; or the error."""
    try:
        mti = octets[0] & 7
        message = PPSMSRPTypeClasses[mti]()
        message.from_bytes(octets)
        fields = {"rp": NAMES[mti & 6], "rp_mti": mti, "rp_mr": message["Ref"]()}
        found = elements(message)
        if "RPOriginatorAddress" in found:
            fields["rp_oa"] = address(found["RPOriginatorAddress"])
            fields["rp_da"] = address(found["RPDestinationAddress"])
        if "RPCause" in found:
            cause = found["RPCause"].to_bytes()[1:]
            fields["cause"] = cause[0] & 127
            if cause[1:]:
                fields["diag"] = cause[1:].hex()
        written = message.to_bytes() == octets
        if "RPUserData" in found:
            raw = found["RPUserData"].to_bytes()[1 if mti < 2 else 2:]
            fields["tpdu_hex"] = raw.hex()
            if raw:
                fields["tpdu"], again = tpdu(raw, mti & 1, fields["rp"])
                written &= again == raw
        return fields, written
    except Exception as error:  # pycrate raises whatever comes
        return {"error": repr(error)}, False
