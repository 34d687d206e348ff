"""Writes a first corpus for each fuzz target out of tests/vectors: seeds.py FOLDER"""
import gzip
import json
import pathlib
import sys
import zlib

vectors = pathlib.Path(__file__).parent.parent / "vectors"
corpus = pathlib.Path(sys.argv[1])


def seed(target, name, octets):
    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)


for line in (vectors / "messages.jsonl").open():
    vector = json.loads(line)
    octets = bytes.fromhex(vector["hex"])
    if vector["layer"] == "rp":
        seed("rp", vector["id"], octets)
        seed("body", vector["id"], b"\0" + octets)
    else:
        carrier = {"ack": 2, "error": 3}.get(vector.get("ctx"), 0)
        seed("tpdu", vector["id"], bytes([carrier << 1 | (vector["dir"] == "mt")]) + octets)
    if "text" in vector["expect"]:
        language = vector["expect"].get("nl", {}).get("single", 0) & 15
        seed("text", vector["id"], bytes([0, language]) + vector["expect"]["text"].encode())

# The first octet is the Content-Type: its place in the list of targets/body.rs.
BODIES = {
    "text": b"\1h\xc3\xa9llo",
    "utf-16": b"\2\x00h\x00i",
    "cpim": b"\4From: <im:a@b>\r\nTo: <im:c@d>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: x\r\n"
    b"imdn.Disposition-Notification: positive-delivery\r\n\r\nContent-Type: text/plain\r\n\r\nhello",
    "imdn": b"\5<imdn xmlns='urn:ietf:params:xml:ns:imdn'><message-id>0-1-1-b007</message-id><delivery-notification>"
    b"<status><delivered/></status></delivery-notification></imdn>",
    "multipart": b"\6--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/resource-lists+xml\r\n"
    b"Content-Disposition: recipient-list\r\n\r\n<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list>"
    b"<entry uri='sip:a@b'/></list></resource-lists>\r\n--b--",
    "register": b"\6--b\r\nContent-Type: message/sip\r\n\r\nREGISTER sip:x SIP/2.0\r\nContact: <sip:a@b>;+g.3gpp.smsip\r\n\r\n"
    b"\r\n--b\r\nContent-Type: application/3gpp-ims+xml\r\n\r\n<ims-3gpp><service-info>x</service-info></ims-3gpp>\r\n--b--",
    "gb18030": b"\x08\xc4\xe3\x94\x39\xda\x33",
    "iso-2022-jp": b"\x09a\x1b$B$3\x1b(Bb",
    "euc-kr": b"\x0a\xbe\xc8\xb3\xe7",
    "reginfo": b"\7<reginfo xmlns='urn:ietf:params:xml:ns:reginfo' version='0' state='full'><registration aor='sip:a@b' id='1' "
    b"state='active'><contact id='2' state='active' event='created'><uri>sip:c@d</uri>"
    b"<unknown-param name='+g.3gpp.smsip'/></contact></registration></reginfo>",
}
for name, body in BODIES.items():
    seed("body", name, body)
    # The upper two bits are the Content-Encoding.
    kind, octets = body[0], body[1:]
    deflated = zlib.compress(octets, 9)
    seed("body", f"{name}-deflate", bytes([kind | 0x40]) + deflated)
    seed("body", f"{name}-gzip", bytes([kind | 0x80]) + gzip.compress(octets, 9, mtime=0))
    seed("body", f"{name}-both", bytes([kind | 0xC0]) + gzip.compress(deflated, 9, mtime=0))

# The first octet is the document: its place in the list of targets/xml.rs.
XML = {
    "imdn": BODIES["imdn"][1:],
    "reginfo": BODIES["reginfo"][1:],
    "list": b"<l:resource-lists xmlns:l='urn:ietf:params:xml:ns:resource-lists' xmlns:cp='urn:ietf:params:xml:ns:copycontrol'>"
    b"<l:list><l:entry uri='sip:a@b?x=1&amp;y' cp:copyControl='to' cp:anonymize='true'/></l:list></l:resource-lists>",
    "service-info": b"<ims-3gpp version='1'><service-info><![CDATA[<imsi>001010000000001</imsi><msisdn>+15550001</msisdn>]]>"
    b"</service-info></ims-3gpp>",
    "laughs": b"<!DOCTYPE a [<!ENTITY l0 'x'><!ENTITY l1 '&l0;&l0;&l0;&l0;'><!ENTITY l2 '&l1;&l1;&l1;&l1;'>]><imdn>&l2;</imdn>",
    "external": b"<!DOCTYPE imdn SYSTEM 'file:///etc/passwd' [<!ENTITY % p SYSTEM 'http://a.example/'> %p;]><imdn/>",
    "deep": b"<a>" * 40,
    "attributes": b"<imdn " + b"".join(b"a%d='' " % n for n in range(40)) + b"/>",
    "namespaces": b"<p:imdn xmlns:p='urn:ietf:params:xml:ns:imdn' xmlns='' xmlns:xml='x' xml:lang='de'><p:p:message-id/><:a/></p:imdn>",
    "markup": b"<?xml version='1.0' encoding='ISO-8859-1'?><?p i?><!-- c -- --><imdn>&lt;&#x41;&#65;<![CDATA[]]]]>&amp;</imdn>",
    "utf-16": "<imdn/>".encode("utf-16"),
    "latin-1": "<imdn>\xe9</imdn>".encode("latin-1"),
}
for name, document in XML.items():
    for kind in range(4):
        seed("xml", f"{name}-{kind}", bytes([kind]) + document)

# The first octet says whether it is frames or a session description: targets/msrp.rs.
PATHS = b"To-Path: msrp://b.example:8888/9di4;tcp msrps://u@[2001:db8::1]:1/s;tcp;x=y\r\nFrom-Path: msrp://a.example:7777/iau3;tcp\r\n"
MSRP = {
    "chunk": b"\0MSRP dkei38sd SEND\r\n" + PATHS + b"Message-ID: 4564dpWd\r\nByte-Range: 1-*/8\r\nSuccess-Report: yes\r\n"
    b"Failure-Report: partial\r\nContent-Type: text/plain\r\n\r\nabcd\r\n-------dkei38sd+\r\n",
    "empty": b"\0MSRP d93kswow SEND\r\n" + PATHS + b"Message-ID: 1233\r\nByte-Range: 1-0/0\r\n-------d93kswow$\r\n",
    "report": b"\0MSRP d93kswow REPORT\r\n" + PATHS + b"Message-ID: 1233\r\nByte-Range: 1-39/39\r\nStatus: 000 200 OK\r\n-------d93kswow$\r\n",
    "two": b"\0MSRP abcd 200 OK\r\n" + PATHS + b"-------abcd$\r\nMSRP abce AUTH\r\n" + PATHS + b"-------abce#\r\n",
    "end-line": b"\0MSRP abcd SEND\r\n" + PATHS + b"Content-Type: a/b\r\n\r\n\r\n-------abcd!\r\n-------abcd$x\r\n-------abcd$\r\n",
    "sdp": b"\1v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=sendonly\r\nm=audio 1/2 RTP/AVP 0\r\n"
    b"m=message 7394 TCP/TLS/MSRP *\r\na=accept-types:message/cpim text/* *\r\na=accept-wrapped-types:a/b;c=d\r\n"
    b"a=max-size:5\r\na=path:msrp://b:1/s;tcp\r\na=setup:actpass\r\n",
}
for name, octets in MSRP.items():
    seed("msrp", name, octets)
