"""Parameters: see README.md."""

import re

from e2e import CFG, FOLDER, GatewayError, ImClient, Rows, equal, gateway, run

WRONG = (
    ("domain", "a b", "such as \"ims.example\""),
    ("domain", "", "such as \"ims.example\""),
    ("domain", "ims.example.", "without a dot at its end"),
    ("domain", "ims..example", "such as \"ims.example\""),
    ("domain", "ims.-example", "such as \"ims.example\""),
    ("domain", "i" * 64 + ".example", "such as \"ims.example\""),
    ("domain", "abcdefghi." * 30 + "x", "of up to 100 characters"),
    ("domain", "ims.example:5060", "such as \"ims.example\""),
    ("sc_address", "15559999", "such as \"+15559999\""),
    ("identity", "nobody", "write a pseudo-variable"),
    ("identity", "$nothing(x)", "write a pseudo-variable"),
    ("gateway_uri", "http://x", "it must be a SIP URI"),
    ("gateway_uri", "tel:+15559999", "it must be a SIP URI"),
    ("gateway_uri", "sip:" + "g" * 400 + "@ims.example", "of up to 126 characters"),
    ("gateway_uri", "sip:gw@ims.example.", "it must be a SIP URI"),
    ("service_centre", "x,y", "it must be numbers or SIP URIs"),
    ("service_centre", "+1555,+", "it must be numbers or SIP URIs"),
    ("service_centre", "sip:sc@peer..example", "it must be numbers or SIP URIs"),
    ("outbound_proxy", "scscf.example", "it must be a SIP URI"),
    ("outbound_proxy", "tel:+15559999", "it must be a SIP URI"),
    ("outbound_proxy", "sip:scscf.example:70000", "it must be a SIP URI"),
    ("outbound_proxy", "sip:scscf..example", "it must be a SIP URI"),
    ("outbound_proxy", "sip:" + "s" * 300, "it must be a SIP URI"),
    ("outbound_proxy", "sip:ims.example", "is this Kamailio itself"),
    ("sc_uri", "sip:sc@IMS.example:5060;transport=tcp", "is this Kamailio itself"),
    ("usrloc_table", "", "it must be the name of a table"),
    ("usrloc_table", "location; x", "it must be the name of a table"),
    ("hold_timeout", 31, "from 1 to 30"),
    ("queue_timeout", 0, "from 1 to 86400"),
    ("stop_timeout", 601, "from 0 to 600"),
    ("connections_per_source", -1, "from 0 to 1000000"),
    ("unfinished_timeout", 3601, "from 0 to 3600"),
    ("accept_timeout", 0, "from 1 to 30"),
    # tm keeps a transaction for 17 s in kamailio.cfg.
    ("im_timeout", 30, 'write modparam("tm", "wt_timer", 27000)'),
    ("max_recipients", 101, "from 0 to 100"),
    ("concat_incomplete", "keep", '"deliver" or "drop"'),
    ("languages", "klingon", "names from among turkish"),
    ("transliterate", 2, "it must be 1 for yes, 0 for no"),
    ("plain_im", -1, "it must be 1 for yes, 0 for no"),
    ("sc_uri", "tel:+15559999", "it must be a SIP URI"),
    ("node", 0, "it must be a number from 1 to 65535"),
    ("node_uri", "192.0.2.1", "the SIP URI of this gateway for the other ones"),
    ("node_timeout", 3, "from 4 to 3600"),
    ("max_pending", 0, "it must be a number from 1 to 1000000"),
    ("max_per_party", 5000, "it must be a number"),
    ("max_per_sender", 5000, "it must be a number"),
    ("max_per_sender", -1, "it must be a number"),
    ("cdr_file", "cdr", "it must be the absolute path of a file for this gateway alone"),
    ("numbers", "49", "a country code such as"),
    ("numbers", "as-is", "a country code such as"),
    ("dcs_charset", "84", "such as \"84=euc-kr\""),
    ("dcs_charset", "84=klingon", "such as \"84=euc-kr\""),
    ("dcs_charset", "08=gbk", "a TP-DCS that TS 23.038 reserves"),
    ("imdn_route_hosts", "sip:list.example", "names or addresses of hosts"),
    ("trusted_flag", 32, "from -1 to 31"),
    ("trusted_flag", -2, "from -1 to 31"),
    ("overload_queue", 101, "from 0 to 100"),
    ("overload_wait", -1, "from 0 to 30000"),
    ("overload_pending", 101, "from 0 to 100"),
    ("overload_retry_after", 0, "from 2 to 600"),
    ("sm_flag", 32, "it must be a branch flag from 0 to 31"),
    # sm_flag of kamailio.cfg.
    ("im_flag", 1, "it must be a branch flag from 0 to 31"),
    # nat_bflag of usrloc in kamailio.cfg.
    ("cpim_flag", 0, "nat_bflag of usrloc"),
    ("third_party_flag", 1, "it must be a branch flag from 0 to 31"),
    ("anonymous", "J\u00fcrgen", "write it without them"),
    ("emergency", "sos", "it must be numbers"),
    ("cause", "sip 486 = 300", "such as 41/C0"),
    ("db_url", "nonsense", "write ENGINE:"),
    ("db_url", "oracle://x", 'put loadmodule "db_oracle.so"'),
    ("auth_table", "nowhere", "create it"),
    ("auth_table", "ipsmgw_auth WHERE 1", "it must be the name of a table"),
    ("auth_table", "", "it must be the name of a table"),
    ("event_callback", "ksr result", "it must be the name of a function"),
    ("event_callback", "ksr_result", "the script is none for KEMI"),
    ("authorize_default", "maybe", 'it must be "both", "sm2im", "im2sm" or "none"'),
)


# Calls that the script may not make, each in a route of its own.
CALLS = (
    ('ipsmgw_capable("$ru", "sms");', "write one of sm, im, cpim, msrp"),
    ('ipsmgw_capable("$ru", "");', "write one of sm, im, cpim, msrp"),
    ('ipsmgw_capable("bob", "sm");', "write a SIP or tel URI"),
    ('ipsmgw_authorize("$ru", "both");', "write one of sm2im, im2sm"),
    ('ipsmgw_authorize("", "sm2im");', "write a SIP or tel URI"),
    ('ipsmgw_im_to_sm("NOWHERE");', "write route[NOWHERE]"),
    ('ipsmgw_im_to_sm("' + "R" * 63 + '");', "up to 62 characters"),
    ('xlog("$ipsmgw(nothing)");', "there is no $ipsmgw(nothing)"),
)


async def said_at_start(**options):
    """The first error of a gateway that does not start."""
    gw = gateway(name="wrong", **options)
    try:
        async with gw:
            return "it started"
    except GatewayError:
        lines = [line for line in gw.log().splitlines() if "ERROR: ipsmgw: " in line]
        return lines[0] if lines else gw.log()


async def wrong_values():
    "each wrong value aborts the start; the log lists the accepted values"
    rows = Rows()
    for name, value, sentence in WRONG:
        said = await said_at_start(modparams={name: value})
        named = name in said and sentence in said
        rows.check(f"{name} = {value!r}", sentence if named else said, sentence)
    rows.done(at_least=len(WRONG))


async def wrong_order():
    "usrloc is loaded behind ipsmgw"
    FOLDER.mkdir(parents=True, exist_ok=True)
    ours, usrloc = "loadmodule IPSMGW_MODULE\n", 'loadmodule "usrloc.so"\n'
    text = (CFG / "kamailio.cfg").read_text()
    equal((ours in text, usrloc in text), (True, True), "the lines")
    cfg = FOLDER / "wrong-order.cfg"
    cfg.write_text(text.replace(ours, "").replace(usrloc, ours + usrloc))
    said = await said_at_start(cfg=cfg)
    sentence = 'put loadmodule "usrloc.so" before loadmodule "ipsmgw.so"'
    equal(sentence if sentence in said else said, sentence, "the log")


async def no_transactions():
    "a database that has no transactions"
    FOLDER.mkdir(parents=True, exist_ok=True)
    ours, text = "loadmodule IPSMGW_MODULE\n", (CFG / "kamailio.cfg").read_text()
    cfg = FOLDER / "redis.cfg"
    cfg.write_text(text.replace(ours, f'loadmodule "db_redis.so"\n{ours}'))
    said = await said_at_start(cfg=cfg, modparams={"db_url": "redis://localhost:1/0"})
    sentence = "db_redis cannot read, insert, update and delete rows in transactions: write the URL of SQLite"
    equal(sentence if sentence in said else said, sentence, "the log")


async def wrong_calls():
    "so does each literal argument of a function that can never be right"
    rows = Rows()
    for call, sentence in CALLS:
        said = await said_at_start(script="route[WRONG] { %s }" % call)
        rows.check(call, sentence if sentence in said else said, sentence)
    script = 'route[GOOD] { ipsmgw_capable("sip:bob@ims.example", "$avp(x)"); ipsmgw_im_to_sm("LATER"); ipsmgw_im_to_sm(""); }'
    said = await said_at_start(script=script + "\nroute[LATER] { exit; }")
    rows.check("a true outcome, or unknown", said, "it started")
    rows.done(at_least=len(CALLS) + 1)


async def wrong_calls_in_lua():
    "Kamailio does not read a Lua script: there the call logs the error"
    FOLDER.mkdir(parents=True, exist_ok=True)
    script = FOLDER / "wrong.lua"
    script.write_text(
        """
        function ksr_request_route()
            KSR.ipsmgw.capable("sip:bob@ims.example", "sms")
            KSR.ipsmgw.authorize("sip:bob@ims.example", "both")
            KSR.sl.sl_send_reply(200, "OK")
        end
        """
    )
    callback = {"event_callback": "ksr_result"}
    async with gateway(name="lua", cfg=CFG / "kamailio-kemi.cfg", lua=script, modparams=callback) as gw:
        someone = ImClient(await gw.endpoint(), "bob", None, gw.domain)
        equal((await someone.send("OPTIONS", "sip:ims.example")).status, 200, "the answer")
        for sentence in ("write sm, im, cpim, msrp or sm_apart", "write sm2im or im2sm"):
            equal("ERROR: ipsmgw: " in gw.log() and sentence in gw.log(), True, sentence)


async def settings():
    "ipsmgw.settings shows every parameter of the manual with its value"
    manual = (CFG.parent / "doc/ipsmgw_admin.md").read_text()
    names = set(re.findall(r"^#### ([a-z_]+) \(", manual, re.MULTILINE))
    given = {"hold_timeout": 7, "transliterate": 1, "emergency": "112,999", "languages": "turkish"}
    async with gateway(name="settings", modparams=given) as gw:
        shown = dict(re.findall(r"^\t([a-z_]+): ?(.*)$", gw.rpc("ipsmgw.settings"), re.MULTILINE))
        equal(set(shown), names, "the names")
        for name, value in given.items():
            equal(shown[name], str(value), name)
        equal(shown["max_segments"], "10", "a default")
        equal("turkish" in gw.rpc("ipsmgw.settings", "languages"), True, "one parameter")
        equal(gw.try_rpc("ipsmgw.settings", "nothing"), None, "a parameter that does not exist")
        # The memory of the start stays: calls take no more memory.
        equal(gw.rpc("ipsmgw.settings"), gw.rpc("ipsmgw.settings"), "the same again")


run(wrong_values, wrong_order, no_transactions, wrong_calls, wrong_calls_in_lua, settings)
