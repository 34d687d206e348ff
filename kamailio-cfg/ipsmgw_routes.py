"""ipsmgw for an existing KEMI script in Python 3: the routes of ipsmgw-routes.cfg, which tells the settings and the reasons.

Your class inherits from Routes, and calls them in ksr_request_route, after the authentication:

    sys.path.append("/path/to/ipsmgw/kamailio-cfg")             at the beginning, if this file is not beside your script
    import ipsmgw_routes

    class kamailio(ipsmgw_routes.Routes):                       instead of `class kamailio:`
    if self.ipsmgw_route() == -255: return 1                    after ksr_route_auth()

and in the configuration, at the end:                           include_file "/path/to/ipsmgw-routes.cfg"

One more line lets an overloaded gateway refuse requests before it authenticates them: first in ksr_request_route,
`if self.ipsmgw_overload() == -255: return 1`.

Rules of your own tell which messages are converted: a method ksr_ipsmgw_converts(self, sender, recipient, direction) of your class, which
returns True or False, as the function in doc/recipes.md.

-255 means that the request is done, as in Kamailio's own examples.
"""

import KSR

DONE, GOES_ON = -255, 1


def setting(name):
    """A define of the configuration. It can be read only while a message is processed."""
    return KSR.pv.gete("$(def(" + name + "){s.unquote})")


def identity_of(user):
    return "sip:" + user + "@" + setting("IPSMGW_DOMAIN")


def identify():
    """Sets $avp(ipsmgw_identity) to the sender. Without a sender the module refuses to convert."""
    KSR.pv.unset("$avp(ipsmgw_identity)")
    sender = setting("IPSMGW_SENDER")
    if sender == "from":
        KSR.pv.sets("$avp(ipsmgw_identity)", KSR.pv.gete("$fu"))
        return
    # The same name in another domain is another person.
    if sender == "user_and_domain" and KSR.pv.gete("$fd").lower() != setting("IPSMGW_DOMAIN").lower():
        return
    if not KSR.pv.is_null("$avp(ipsmgw_user)"):
        KSR.pv.sets("$avp(ipsmgw_identity)", identity_of(KSR.pv.gete("$avp(ipsmgw_user)")))


def capable(what):
    return KSR.ipsmgw.capable(KSR.pv.gete("$ru"), what) > 0


def refuse(status):
    """The refusal leaves a charging record, and a phone gets its report."""
    KSR.pv.seti("$ipsmgw(status)", status)
    KSR.ipsmgw.reply()
    return DONE


def short_message():
    """RP-DATA: the recipient is the number in TP-DA."""
    KSR.seturi(identity_of(KSR.pv.gete("$ipsmgw(da)")))
    if capable("im") and KSR.ipsmgw.authorize(KSR.pv.gete("$ru"), "sm2im") > 0:
        # 1: the request is an instant message now. Other values: the request is answered, and the report follows.
        if KSR.ipsmgw.sm_to_im() != 1:
            return DONE
        if KSR.registrar.lookup("location") > 0:
            KSR.tm.t_on_branch("ipsmgw_im_clients")
            if KSR.tm.t_relay() > 0:
                return DONE
        return refuse(480)
    if capable("sm"):
        # From phone to phone: the gateway is the service centre of both.
        KSR.ipsmgw.sm_to_sm()
        return DONE
    # For the phone, 402 is "requested facility not subscribed".
    return refuse(402 if capable("im") else 480)


class Routes:
    """The base class of your class."""

    # app_python3 of Kamailio 5.6 looks for these two for each request that is sent and each reply that comes. Where a class has none, the
    # failed look makes the next call of KSR raise an exception. Methods of your own take their place.
    def ksr_onsend_route(self, msg):
        return 1

    def ksr_reply_route(self, msg):
        return 1

    def ipsmgw_overload(self):
        """Refuses new requests with 503 while the gateway has too much to do."""
        return DONE if KSR.ipsmgw.overloaded() > 0 else GOES_ON

    def ipsmgw_route(self):
        """Handles the messages that it converts, and returns 1 for all others."""
        if self.ipsmgw_overload() == DONE:
            return DONE
        if KSR.is_REGISTER():
            # Before save(): the contacts are stored with their capabilities.
            KSR.ipsmgw.save()
            return GOES_ON
        if not KSR.is_MESSAGE():
            return GOES_ON

        identify()
        if KSR.ipsmgw.enabled() < 0:
            # `ipsmgw.disable`: reports on open messages are taken; your script handles all other messages.
            if KSR.ipsmgw.expects_report() < 0:
                return GOES_ON
            KSR.ipsmgw.report()
            return DONE
        kind = KSR.ipsmgw.classify()
        if kind == 1:
            # Not converted, by your rules: your script handles the message.
            return short_message() if self._ipsmgw_may_convert() else GOES_ON
        if kind == 2 or kind == 3:
            # RP-ACK, RP-ERROR, RP-SMMA: always answered.
            KSR.ipsmgw.report()
            return DONE
        if kind == -2:
            KSR.notice("malformed short message refused: " + KSR.pv.gete("$ipsmgw(error)") + " call_id=" + KSR.pv.gete("$ci") + "\n")
            KSR.sl.sl_send_reply(400, "Bad Short Message")
            return DONE
        # A notification. -2: it is about a message that the gateway did not send, and goes on.
        if kind == 5 and KSR.ipsmgw.report() != -2:
            return DONE
        return self._ipsmgw_instant_message(kind)

    def _ipsmgw_may_convert(self):
        """False for a message that is not converted, by your ksr_ipsmgw_converts."""
        converts = getattr(self, "ksr_ipsmgw_converts", None)
        if converts is None:
            return True
        recipient, direction = KSR.pv.gete("$ru"), "im2sm"
        if KSR.pv.get("$ipsmgw(class)") == 1:
            recipient, direction = identity_of(KSR.pv.gete("$ipsmgw(da)")), "sm2im"
        return converts(KSR.pv.gete("$avp(ipsmgw_identity)"), recipient, direction)

    def _ipsmgw_instant_message(self, kind):
        """Returns 1 when the recipient is a client, which gets the message unchanged, or no person of this gateway."""
        is_tel = KSR.pv.gete("$rz") == "tel"
        if not KSR.is_myself_ruri() and not is_tel:
            return GOES_ON
        # A number is sip:+NUMBER@DOMAIN, however it is written.
        if not KSR.pv.is_null("$(ru{ipsmgw.number})"):
            KSR.seturi(identity_of(KSR.pv.gete("$(ru{ipsmgw.number})")))
        elif is_tel:
            return GOES_ON
        if capable("im"):
            KSR.tm.t_on_branch("ipsmgw_im_clients")
            return GOES_ON
        if not capable("sm"):
            return GOES_ON
        if kind == 5 or kind == 6:
            # A phone shows neither notifications nor "is typing".
            KSR.sl.sl_send_reply(200, "OK")
            return DONE
        if kind == 4:
            if KSR.ipsmgw.authorize(KSR.pv.gete("$avp(ipsmgw_identity)"), "im2sm") < 0:
                return refuse(403)
            if not self._ipsmgw_may_convert():
                return GOES_ON
        # The sender gets its answer after the phone's report, or has its refusal: another type is refused with the list of accepted ones.
        KSR.ipsmgw.im_to_sm()
        return DONE

    def ipsmgw_im_clients(self, msg):
        """A branch route. A text goes to the clients of a person, not to the phones. 21 is the parameter im_flag of ipsmgw."""
        if not KSR.isbflagset(21):
            KSR.set_drop()
        return 1
