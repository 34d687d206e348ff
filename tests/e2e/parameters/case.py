"""Parameters: see README.md."""

from e2e import GatewayError, Rows, gateway, run

WRONG = (
    ("domain", "a b", "such as \"ims.example\""),
    ("sc_address", "15559999", "such as \"+15559999\""),
    ("identity", "nobody", "write a pseudo-variable"),
    ("identity", "$nothing(x)", "write a pseudo-variable"),
    ("gateway_uri", "http://x", "it must be a SIP URI"),
    ("service_centre", "x,y", "it must be numbers or SIP URIs"),
    ("outbound_proxy", "scscf.example", "write a SIP URI"),
    ("outbound_proxy", "tel:+15559999", "write a SIP URI"),
    ("usrloc_table", "", "write the table"),
    ("hold_timeout", 31, "from 1 to 30"),
    ("max_recipients", 101, "from 0 to 100"),
    ("concat_incomplete", "keep", '"deliver" or "drop"'),
    ("languages", "klingon", "names from among turkish"),
    ("transliterate", 2, "write 1 for yes, 0 for no"),
    ("plain_im", -1, "write 1 for yes, 0 for no"),
    ("sc_uri", "tel:+15559999", "it must be a SIP URI"),
    ("max_pending", 0, "write a number from 1"),
    ("max_per_party", 5000, "write a number from 1 to max_pending"),
    ("max_per_sender", 5000, "write a number from 1 to max_pending"),
    ("max_per_sender", -1, "write a number from 1 to max_pending"),
    ("sm_flag", 32, "write a branch flag from 0 to 31"),
    # What sm_flag is in kamailio.cfg.
    ("im_flag", 1, "write a branch flag from 0 to 31"),
    ("third_party_flag", 1, "write a branch flag from 0 to 31"),
    ("anonymous", "J\u00fcrgen", "write it without them"),
    ("emergency", "sos", "it must be numbers"),
    ("cause", "sip 486 = 300", "such as 41/C0"),
    ("db_url", "nonsense", "write ENGINE:"),
    ("db_url", "oracle://x", 'put loadmodule "db_oracle.so"'),
    ("auth_table", "nowhere", "create it"),
    ("authorize_default", "maybe", "write both, sm2im, im2sm or none"),
)


async def wrong():
    "each value stops the start, and the log says what to write instead"
    rows = Rows()
    for name, value, sentence in WRONG:
        gw = gateway(name="wrong", modparams={name: value})
        try:
            async with gw:
                said = "it started"
        except GatewayError:
            lines = [line for line in gw.log().splitlines() if "ERROR: ipsmgw: " in line]
            said = lines[0] if lines else gw.log()
        named = name in said and sentence in said
        rows.check(f"{name} = {value!r}", sentence if named else said, sentence)
    rows.done(at_least=len(WRONG))


run(wrong)
