"""Many messages as tshark reads them: fields by their path, as pycrate_reader gives them."""
import os
import struct
import subprocess
import tempfile

COLUMNS = {
    "gsm_a.rp.msg_type": "rp_mti", "gsm_a.rp.rp_message_reference": "rp_mr", "gsm_a.rp.cause": "cause", "gsm_a.rp.diagnostic_field": "diag",
    "gsm_a.dtap.type_of_number": "rp_ton", "gsm_a.dtap.numbering_plan_id": "rp_npi", "gsm_a.dtap.cld_party_bcd_num": "rp_value",
    "gsm_sms.tp-mms": "mms", "gsm_sms.tp-lp": "lp", "gsm_sms.tp-sri": "sri", "gsm_sms.tp-srr": "srr", "gsm_sms.tp-srq": "srq", "gsm_sms.tp-rd": "rd",
    "gsm_sms.tp-rp": "rp", "gsm_sms.tp-udhi": "udhi", "gsm_sms.tp-vpf": "vpf", "gsm_sms.tp-mr": "mr", "gsm_sms.tp-pid": "pid", "gsm_sms.tp-dcs": "dcs",
    "gsm_sms.tp-fcs": "fcs", "gsm_sms.tp.parameter_indicator": "pi", "gsm_sms.tp.command_type": "ct", "gsm_sms.tp.message_number": "mn",
    "gsm_sms.tp.command_data_length": "cdl", "gsm_sms.dis_field_addr.length": "addr.len", "gsm_sms.dis_field_addr.num_type": "addr.ton",
    "gsm_sms.dis_field_addr.num_plan": "addr.npi", "gsm_sms.tp-oa": "oa", "gsm_sms.tp-da": "da", "gsm_sms.tp-ra": "ra",
    "gsm_sms.scts.year": "year", "gsm_sms.scts.month": "month", "gsm_sms.scts.day": "day", "gsm_sms.scts.hour": "hour",
    "gsm_sms.scts.minutes": "minute", "gsm_sms.scts.seconds": "second", "gsm_sms.scts.timezone": "zone", "gsm_sms.vp.validity_period": "vp",
    "gsm_sms.tp.user_data_length": "udl", "gsm_sms.sms_text": "text", "gsm_sms.sms_body": "data", "gsm_sms.udh.mm.msg_id": "concat.ref",
    "gsm_sms.udh.mm.msg_parts": "concat.total", "gsm_sms.udh.mm.msg_part": "concat.seq", "gsm_sms.dis_iei_lang.single_shift": "nl.single",
    "gsm_sms.dis_iei_lang.locking_shift": "nl.locking", "gsm_sms.destination_port": "ports.dst", "gsm_sms.originator_port": "ports.src",
    "gsm_sms.dis_field.definition": "st_reserved", "gsm_sms.dis_field.st_error": "st_group", "gsm_sms.dis.field_st_reason": "st_reason",
    "_ws.malformed": "malformed",
}
PLAIN = {"mms", "lp", "sri", "srr", "srq", "rd", "rp", "udhi", "vpf", "mr", "pid", "dcs", "fcs", "pi", "ct", "mn", "cdl", "addr.len", "addr.ton", "addr.npi",
         "udl", "concat.ref", "concat.total", "concat.seq", "nl.single", "nl.locking", "ports.dst", "ports.src"}
# User-defined link type 0 carries RP messages.
OPTIONS = ["-o", 'uat:user_dlts:"User 0 (DLT=147)","gsm_a_rp","0","","0",""', "-o", "gsm_sms.reassemble:FALSE"]
SEPARATOR, AGGREGATOR = "\x1f", "\x1e"


def capture(path, messages):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 147))
        for number, octets in enumerate(messages):
            file.write(struct.pack("<IIII", number, 0, len(octets), len(octets)) + octets)


def shown(text):
    """A text in the way in which tshark prints it."""
    for raw, printed in ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\f", "\\f"), ("\v", "\\v"), ("\a", "\\a"), ("\b", "\\b"):
        text = text.replace(raw, printed)
    return text


def times(row):
    names = ["year", "month", "day", "hour", "minute", "second", "zone"]
    columns = [row[name].split(AGGREGATOR) for name in names if row[name]]
    return [{"ts": "%02d-%02d-%02dT%02d:%02d:%02d" % tuple(map(int, values[:6])), "tzq": int(values[6])} for values in zip(*columns)]


def fields_of(row):
    message = {"rp_mti": int(row["rp_mti"], 16) & 7, "rp_mr": int(row["rp_mr"], 16)}
    if row["malformed"]:
        message["malformed"] = row["malformed"]
    if row["cause"]:
        message["cause"] = int(row["cause"])
    if row["rp_value"]:
        name = "rp_oa" if message["rp_mti"] == 1 else "rp_da"
        message[name] = {"ton": int(row["rp_ton"], 16), "npi": int(row["rp_npi"], 16), "value": row["rp_value"]}
    tpdu = {}
    for name in PLAIN:
        if row[name]:
            value = int(row[name].split(AGGREGATOR)[-1], 0)
            inner, _, leaf = name.rpartition(".")
            (tpdu.setdefault(inner, {}) if inner else tpdu)[leaf] = value
    number = row["oa"] or row["da"] or row["ra"]
    if "addr" in tpdu:
        tpdu["addr"]["value"] = number
    if row["st_reason"]:
        tpdu["st"] = int(row["st_reserved"]) << 7 | int(row["st_group"], 0) << 5 | int(row["st_reason"], 0)
    found = times(row)
    if tpdu.get("vpf") == 3 and found:
        tpdu["vp"] = {"fmt": "absolute", **found[0]}
    elif tpdu.get("vpf") == 2 and row["vp"]:
        tpdu["vp"] = {"fmt": "relative", "raw": int(row["vp"])}
    elif found:
        tpdu["scts"] = found[0]
        if len(found) > 1:
            tpdu["dt"] = found[1]
    for name in "text", "data":
        if row[name]:
            tpdu[name] = row[name]
    if tpdu:
        message["tpdu"] = tpdu
    return message


def read(messages):
    """The fields of each message, in one run of tshark."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "messages.pcap")
        capture(path, messages)
        command = ["tshark", "-r", path, "-T", "fields", *OPTIONS, "-E", f"separator={SEPARATOR}", "-E", "occurrence=a", "-E", f"aggregator={AGGREGATOR}"]
        for column in COLUMNS:
            command += ["-e", column]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        lines = run.stdout.decode("utf-8", "replace").split("\n")[:-1]
    assert len(lines) == len(messages), f"{len(lines)} lines for {len(messages)} messages"
    return [fields_of(dict(zip(COLUMNS.values(), line.split(SEPARATOR)))) for line in lines]
