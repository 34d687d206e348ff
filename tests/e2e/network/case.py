"""Addresses, families and transports: see README.md."""

import asyncio
import os
import ssl
import subprocess

import sms
from e2e import CFG, ImClient, Phone, Rows, ServiceCentre, certificate, equal, gateway, run, say
from kamailio import free_port
from sip import host_port

V4, V6 = "127.0.0.1", "::1"
VARIANTS = (("native", {}), ("lua", {"cfg": CFG / "kamailio-kemi.cfg", "lua": CFG / "kamailio.lua"}))


async def write_to_each_other(phone, client, gw):
    """A text each way, with its report. No text comes twice: it would be taken for a repetition."""
    text = f"to the client at {client.endpoint.address}"
    sent = await phone.send_sm("+15550002", text)
    equal((await client.next_message()).text, text, "the client's text")
    equal((await sent.outcome()).kind, "RP-ACK", "the phone's report")
    equal((await client.send_im(gw.uri("+15550001"), "to the phone")).status, 200, "the client's answer")
    equal((await phone.next_message())[1].tpdu.text, "to the phone", "the phone's text")


async def ipv6():
    "everything over IPv6, UDP and TCP, native and Lua"
    for name, variant in VARIANTS:
        for protocol in ("udp", "tcp"):
            say(f"{name}, {protocol}")
            async with gateway(name=f"ipv6-{name}-{protocol}", host=V6, **variant) as gw:
                phone, client = await gw.user(Phone, "alice", protocol=protocol), await gw.user(ImClient, "bob", protocol=protocol)
                await write_to_each_other(phone, client, gw)


async def both_families():
    "a phone with IPv4 and a client with IPv6 at one gateway, and the reverse"
    for name, variant in VARIANTS:
        ports = free_port(V4), free_port(V6)
        listen = f"udp:{V4}:{ports[0]} udp:[{V6}]:{ports[1]}"
        async with gateway(name=f"both-{name}", listen=listen, **variant) as gw:
            v4, v6 = (V4, ports[0]), (V6, ports[1])
            for phone_to, client_to in ((v4, v6), (v6, v4)):
                for protocol in ("udp", "tcp"):
                    say(f"{name}, {protocol}: phone at {host_port(phone_to)}, client at {host_port(client_to)}")
                    phone = await gw.user(Phone, "alice", await gw.endpoint(protocol, to=phone_to))
                    client = await gw.user(ImClient, "bob", await gw.endpoint(protocol, to=client_to))
                    await write_to_each_other(phone, client, gw)
                    await phone.register(expires=0)
                    await client.register(expires=0)


async def tls():
    "SIP over TLS, and between TLS and UDP; old TLS versions are refused"
    for name, variant in VARIANTS:
        ports = free_port(), free_port()
        listen = {"tls": f"tls:{V4}:{ports[0]}", "wss": f"tls:{V4}:{ports[1]}"}
        async with gateway(name=f"tls-{name}", **listen, **certificate(), **variant) as gw:
            secure = V4, ports[0]
            phone = await gw.user(Phone, "alice", await gw.endpoint("tls", to=secure))
            for protocol, to in (("tls", secure), ("udp", gw.address)):
                say(f"{name}: the client over {protocol}")
                client = await gw.user(ImClient, "bob", await gw.endpoint(protocol, to=to))
                await write_to_each_other(phone, client, gw)
                await client.register(expires=0)
            say(f"{name}: a WebSocket over TLS is opened")
            equal(await open_websocket(V4, ports[1]), 101, "the handshake")
            say(f"{name}: TLS 1.1")
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.set_ciphers("DEFAULT:@SECLEVEL=0")
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
            try:
                await asyncio.open_connection(*secure, ssl=old)
                raise AssertionError("TLS 1.1 was taken")
            except (ssl.SSLError, ConnectionError):
                pass
            gw.may_say = r"tls|TLS"


async def open_websocket(host, port):
    """The status of the answer to the HTTP request that opens a WebSocket over TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    writer.write(
        f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://chat.example\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n".encode()
    )
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.close()
    return int(answer.split()[1])


async def stalled_tls():
    "TLS clients that send nothing do not delay others"
    ports = free_port(), free_port()
    listen = {"tls": f"tls:{V4}:{ports[0]}", "wss": f"tls:{V4}:{ports[1]}"}
    async with gateway(name="stalled", **listen, **certificate()) as gw:
        stalled = [await asyncio.open_connection(V4, ports[0]) for _ in range(20)]
        for _, writer in stalled[::2]:
            writer.write(b"\x16\x03\x01\x02\x00\x01")  # the first octets of a ClientHello
        endpoint = await gw.endpoint("tls", to=(V4, ports[0]))
        phone, client = await gw.user(Phone, "alice", endpoint), await gw.user(ImClient, "bob")
        await write_to_each_other(phone, client, gw)
        for _, writer in stalled:
            writer.close()


async def advertised():
    "the advertised address stands in Via, and requests to it are for the gateway"
    for name, variant in VARIANTS:
        async with gateway(name=f"advertised-{name}", advertise="203.0.113.5", **variant) as gw:
            phone, client = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
            await write_to_each_other(phone, client, gw)
            via = client.requests[0].get("Via")
            equal(f"203.0.113.5:{gw.address[1]}" in via, True, f"Via: {via}")
            equal((await client.send_im("sip:+15550001@203.0.113.5", "hi")).status, 200, "a message to that address")


async def centre_with_a_name():
    "the service centre has a host name: its messages are taken, and it gets messages"
    for name, variant in VARIANTS:
        centre_port = free_port()
        # As `run` has it: settings.sh looks the name up.
        told = subprocess.run(
            ["bash", "-c", f". {CFG}/settings.sh; printf %s \"$IPSMGW_SC_URI\""],
            env={**os.environ, "IPSMGW_SC_URI": f"sip:localhost:{centre_port};transport=udp"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        equal(told.stdout, f"sip:127.0.0.1:{centre_port};transport=udp", "the address of localhost")
        async with gateway(name=f"named-{name}", sc_uri=told.stdout, **variant) as gw:
            centre = ServiceCentre(await gw.endpoint(port=centre_port), gw.domain)
            phone = await gw.user(Phone, "alice", await gw.endpoint(host="127.0.0.3"))
            sent = await phone.send_sm("+17770000", "to somebody elsewhere")
            request, seen = await asyncio.wait_for(centre.submitted.get(), 20)
            equal((seen.tpdu.address, seen.tpdu.text), ("+17770000", "to somebody elsewhere"), "what the service centre got")
            await centre.report_to(gw.uri("+15550001"), sms.rp_ack(seen.mr, network=True), request.get("Call-ID"))
            equal((await sent.outcome()).kind, "RP-ACK", "its report")


async def centre_over_ipv6():
    "the service centre's IPv6 address counts in each spelling"
    for name, variant in VARIANTS:
        for spelling in ("[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0:1]"):
            ports = free_port(V4), free_port(V6)
            options = {"name": f"centre-{name}-{len(spelling)}", "listen": f"udp:{V4}:{ports[0]} udp:[{V6}]:{ports[1]}"}
            async with gateway(sc_uri=f"sip:{spelling}:{free_port(V6)}", **options, **variant) as gw:
                client = await gw.user(ImClient, "bob", await gw.endpoint(to=(V4, ports[0])))
                centre = ServiceCentre(await gw.endpoint(to=(V6, ports[1])), gw.domain)
                sent = await centre.deliver(gw.uri("+15550002"), "+17770000", "from afar")
                equal(sent.answer.status, 202, f"{name}, {spelling}: the answer to the service centre")
                equal((await client.next_message()).text, "from afar", "the client's text")


async def settings():
    "wrong settings"
    rows = Rows()
    cert = certificate()
    for settings, words in (
        ({"LISTEN": "udp:[::]:5060"}, "the one address"),
        ({"LISTEN": "udp:::1:5060"}, "in brackets"),
        ({"LISTEN": "udp:[fe80::1%lo]:5060"}, "in brackets"),
        ({"LISTEN": "udp:127.0.0.1:5060 udp:127.0.0.2:5060 udp:[::1]:5060"}, "one IPv4 and one IPv6"),
        ({"WS": "udp:127.0.0.1:8088"}, "write tcp:ADDRESS:PORT"),
        ({"TLS_CERT": cert["tls_cert"]}, "IPSMGW_TLS_KEY"),
        ({"TLS_CERT": "/nowhere.pem", "TLS_KEY": cert["tls_key"]}, "can be read"),
        ({"TLS_CERT": cert["tls_cert"], "TLS_KEY": cert["tls_key"], "TLS": "127.0.0.1:5061"}, "write tls:ADDRESS:PORT"),
        ({"ADVERTISE": "203.0.113.5:5060"}, "without a port"),
        ({"ADVERTISE": "203.0.113.5", "LISTEN": "udp:127.0.0.1:5060 udp:[::1]:5060"}, "one address, too"),
        ({"SC_URI": "sip:no-such-host.invalid"}, "which has no address"),
        ({"SC_URI": "sip:192.0.2.10:99999"}, "write sip:HOST:PORT"),
        ({"SC_URI": "sip:192.0.2.10:0"}, "write sip:HOST:PORT"),
        # Kamailio would read them as octal numbers.
        ({"LISTEN": "udp:127.0.0.1:05060"}, "write udp:ADDRESS:PORT"),
        # Kamailio would get both lines.
        ({"TRUSTED": "192.0.2.1\nscscf.example"}, "IPSMGW_TRUSTED has a line break"),
        ({"LISTEN": "udp:127.0.0.1:5060\nudp:127.0.0.1:5070"}, "IPSMGW_LISTEN has a line break"),
        ({"DB_URL": "sqlite:////tmp/a\nb"}, "IPSMGW_DB_URL has a line break"),
        ({"NONCE_SECRET": "x" * 32 + "\n"}, "IPSMGW_NONCE_SECRET has a line break"),
        ({"FLOOD": "010"}, "per second"),
        ({"CONNECTIONS": "0256"}, "TCP connections"),
        ({"STOP_TIMEOUT": "08"}, "from 0 to 600"),
    ):
        env = {f"IPSMGW_{name}": str(value) for name, value in settings.items()}
        done = subprocess.run([CFG / "user", "list"], env={"PATH": "/usr/bin:/bin", **env}, capture_output=True, text=True)
        rows.check(f"{settings}: {done.stderr!r}", (done.returncode, words in done.stderr), (1, True))
    rows.done()


run(ipv6, both_families, tls, stalled_tls, advertised, centre_with_a_name, centre_over_ipv6, settings)
