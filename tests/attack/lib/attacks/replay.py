"""A digest that was heard on the wire is used again."""

import asyncio
import secrets

import sip
import stage
from hostile import Client, Mobile, capture, never

SUMMARY = "a captured digest again: for another text, recipient, source, method, contact"
why_not = never
ATTACKER = "127.0.0.31"


def gateway(lua):
    return stage.make("replay", lua)


def changed(octets, method=None, uri=None, body=None, headers=(), via=None):
    """A captured request as a new one: its credentials stay."""
    message = sip.Message.parse(octets)
    old_method, old_uri, version = message.start.split(" ")
    message.start = f"{method or old_method} {uri or old_uri} {version}"
    replaced = {"content-length": None, "via": f"{via};branch=z9hG4bK{secrets.token_hex(8)};rport"}
    replaced["call-id"] = secrets.token_hex(8)
    replaced["cseq"] = f"77 {method or old_method}"
    replaced.update({name.lower(): value for name, value in headers})
    kept = []
    for name, value in message.headers:
        value = replaced.get(name.lower(), value)
        if value is not None:
            kept.append((name, value))
    kept += [(name, value) for name, value in headers if message.get(name) is None]
    return sip.Message(message.start, kept, message.body if body is None else body).encode()


async def answer_to(endpoint, octets, timeout=1.5):
    """The final status code that comes back, or None."""
    branch = sip.Message.parse(octets).branch
    done = endpoint._clients[branch] = asyncio.get_running_loop().create_future()
    try:
        endpoint.send_octets(octets)
        return (await asyncio.wait_for(done, timeout)).status
    except asyncio.TimeoutError:
        return None
    finally:
        endpoint._clients.pop(branch, None)


async def attack(scene, verdict, size):
    gw = scene.gw
    vera = await gw.user(Client, "vera", await gw.endpoint(host="127.0.0.30"))
    mallet = await gw.user(Client, "mallet", await gw.endpoint(host="127.0.0.32"))
    phone = await gw.user(Mobile, "silent0", await gw.endpoint(host="127.0.0.33"))
    thief = await gw.endpoint(host=ATTACKER)
    heard = capture(vera)
    await vera.register()
    via = f"SIP/2.0/UDP {thief.contact_host}"
    own_via = f"SIP/2.0/UDP {vera.endpoint.contact_host}"

    async def tried(text, variant, recipient, endpoint=thief):
        """Plays a variant and looks whether its text arrives."""
        mark = f"stolen {secrets.token_hex(4)}".encode()
        recipient.requests.clear()
        status = await answer_to(endpoint, variant(mark))
        await asyncio.sleep(0.15)
        arrived = [r for r in recipient.requests if mark in r.body or r.method != "MESSAGE" or r.body[:1] == b"\x01"]
        verdict.check(not arrived, f"{text}: answered {status}, {'delivered' if arrived else 'nothing delivered'}")

    # A message that was sent rightly, and its credentials.
    await vera.send_im(gw.uri("mallet"), "hello")
    to_client = next(o for o in reversed(heard) if b"uthorization: " in o and b"hello" in o)
    await vera.send_im(gw.uri("silent0"), "hello phone")
    to_phone = next(o for o in reversed(heard) if b"uthorization: " in o and b"hello phone" in o)
    mallet.requests.clear()

    await tried("another text", lambda mark: changed(to_client, body=mark, via=via), mallet)
    await tried("another text from the victim's own address", lambda mark: changed(to_client, body=mark, via=own_via), mallet, vera.endpoint)
    await tried("another recipient", lambda mark: changed(to_client, uri=gw.uri("silent0"), body=mark, via=via,
                headers=[("To", f"<{gw.uri('silent0')}>")]), phone)  # fmt: skip
    await tried("another text to a phone", lambda mark: changed(to_phone, body=mark, via=via), phone)
    await tried("another sender in From", lambda mark: changed(to_client, body=mark, via=via,
                headers=[("From", f"<sip:mallory@{gw.domain}>;tag=x")]), mallet)  # fmt: skip
    await tried("another method", lambda mark: changed(to_client, method="INVITE", body=mark, via=via,
                headers=[("Contact", "<sip:x@127.0.0.31:9>")]), mallet)  # fmt: skip

    # The same octets: answered again at most, never delivered again.
    mallet.requests.clear()
    thief.send_octets(to_client)
    vera.endpoint.send_octets(to_client)
    await asyncio.sleep(0.3)
    verdict.check(not mallet.requests, f"the same octets again: delivered {len(mallet.requests)} times")

    # A REGISTER with the thief's own contact takes the victim's messages away.
    register = next(o for o in reversed(heard) if o.startswith(b"REGISTER") and b"uthorization: " in o)
    contact = f"<sip:thief@{thief.contact_host}>;+g.oma.sip-im"
    status = await answer_to(thief, changed(register, via=via, headers=[("Contact", contact)]))
    listed = gw.try_rpc("ul.dump") or ""
    verdict.check("thief@" not in listed, f"a REGISTER for another contact: answered {status}")

    # Credentials of a caller are no business of the called: also with ACK and BYE.
    mallet.requests.clear()
    answer = await vera.send("INVITE", gw.uri("mallet"), headers=[("Contact", vera.contact)], timeout=3)
    await asyncio.sleep(0.1)
    seen = [r for r in mallet.requests if r.method == "INVITE"]
    leaked = [r.method for r in mallet.requests if r.get("Authorization") or r.get("Proxy-Authorization")]
    verdict.check(not leaked, f"an INVITE reached the called ({len(seen)} times, answered {answer.status}) without credentials")
    route = seen[0].all("Record-Route") if seen else []
    if route:
        stolen = next(o for o in reversed(heard) if o.startswith(b"INVITE") and b"uthorization: " in o)
        mallet.requests.clear()
        for method in ("ACK", "BYE"):
            inside = changed(stolen, method=method, uri=mallet.contact.strip("<>"), via=own_via,
                             headers=[("To", f"{answer.get('To')}"), ("Route", route[0]), ("Call-ID", seen[0].get("Call-ID"))])  # fmt: skip
            vera.endpoint.send_octets(inside)
        await asyncio.sleep(0.3)
        leaked = [r.method for r in mallet.requests if r.get("Authorization") or r.get("Proxy-Authorization")]
        verdict.check(not leaked, f"credentials in ACK and BYE stay here (came through with: {', '.join(leaked) or 'none'})")
