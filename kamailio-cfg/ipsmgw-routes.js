// ipsmgw for an existing KEMI script in JavaScript: the routes of ipsmgw-routes.cfg, which tells the settings and the reasons. Load it in
// your own script, and call it in ksr_request_route, after the authentication:
//
//   require('/path/to/ipsmgw-routes.js')       at the beginning
//   ipsmgw_route()                             after ksr_route_auth()
//
// and in the configuration, at the end:        include_file "/path/to/ipsmgw-routes.cfg"
//
// A third line lets an overloaded gateway refuse requests before it authenticates them: first in ksr_request_route, ipsmgw_overload().
//
// Rules of your own tell which messages are converted: a function ksr_ipsmgw_converts(sender, recipient, direction), which returns true or
// false, as the one in doc/recipes.md.

// Kamailio finds functions by their global names.
var script = Function('return this')()

// The defines of the configuration. They can be read only while a message is processed.
function setting (name) {
  return KSR.pv.gete('$(def(' + name + '){s.unquote})')
}

function identity_of (user) {
  return 'sip:' + user + '@' + setting('IPSMGW_DOMAIN')
}

// Sets $avp(ipsmgw_identity) to the sender. Without a sender the module refuses to convert.
function identify () {
  KSR.pv.unset('$avp(ipsmgw_identity)')
  var sender = setting('IPSMGW_SENDER')
  if (sender === 'from') {
    KSR.pv.sets('$avp(ipsmgw_identity)', KSR.pv.gete('$fu'))
    return
  }
  // The same name in another domain is another person.
  if (sender === 'user_and_domain' && KSR.pv.gete('$fd').toLowerCase() !== setting('IPSMGW_DOMAIN').toLowerCase()) return
  if (!KSR.pv.is_null('$avp(ipsmgw_user)')) {
    KSR.pv.sets('$avp(ipsmgw_identity)', identity_of(KSR.pv.gete('$avp(ipsmgw_user)')))
  }
}

// False for a message that is not converted, by your ksr_ipsmgw_converts.
function may_convert () {
  if (!script.ksr_ipsmgw_converts) return true
  var recipient = KSR.pv.gete('$ru')
  var direction = 'im2sm'
  if (KSR.pv.get('$ipsmgw(class)') === 1) {
    recipient = identity_of(KSR.pv.gete('$ipsmgw(da)'))
    direction = 'sm2im'
  }
  return script.ksr_ipsmgw_converts(KSR.pv.gete('$avp(ipsmgw_identity)'), recipient, direction)
}

function capable (what) {
  return KSR.ipsmgw.capable(KSR.pv.gete('$ru'), what) > 0
}

// The refusal leaves a charging record, and a phone gets its report.
function refuse (status) {
  KSR.pv.seti('$ipsmgw(status)', status)
  KSR.ipsmgw.reply()
}

// RP-DATA: the recipient is the number in TP-DA.
function short_message () {
  KSR.seturi(identity_of(KSR.pv.gete('$ipsmgw(da)')))
  if (capable('im') && KSR.ipsmgw.authorize(KSR.pv.gete('$ru'), 'sm2im') > 0) {
    // 1: the request is an instant message now. Other values: the request is answered, and the report follows.
    if (KSR.ipsmgw.sm_to_im() !== 1) return
    if (KSR.registrar.lookup('location') > 0) {
      KSR.tm.t_on_branch('ipsmgw_im_clients')
      if (KSR.tm.t_relay() > 0) return
    }
    refuse(480)
  } else if (capable('sm')) {
    // From phone to phone: the gateway is the service centre of both.
    KSR.ipsmgw.sm_to_sm()
  } else if (capable('im')) {
    // For the phone this is "requested facility not subscribed".
    refuse(402)
  } else {
    refuse(480)
  }
}

// Returns when the recipient is a client, which gets the message unchanged, or no person of this gateway.
function instant_message (kind) {
  var is_tel = KSR.pv.gete('$rz') === 'tel'
  if (!KSR.is_myself_ruri() && !is_tel) return
  // A number is sip:+NUMBER@DOMAIN, however it is written.
  if (!KSR.pv.is_null('$(ru{ipsmgw.number})')) {
    KSR.seturi(identity_of(KSR.pv.gete('$(ru{ipsmgw.number})')))
  } else if (is_tel) {
    return
  }
  if (capable('im')) {
    KSR.tm.t_on_branch('ipsmgw_im_clients')
    return
  }
  if (!capable('sm')) return
  if (kind === 4) {
    if (KSR.ipsmgw.authorize(KSR.pv.gete('$avp(ipsmgw_identity)'), 'im2sm') < 0) {
      refuse(403)
      KSR.x.exit()
    }
    if (!may_convert()) return
    // The sender gets its answer after the phone's report, or has its refusal.
    KSR.ipsmgw.im_to_sm()
  } else if (kind === 5 || kind === 6) {
    // A phone shows neither notifications nor "is typing".
    KSR.sl.sl_send_reply(200, 'OK')
  } else {
    // Refuses with the list of accepted types.
    KSR.ipsmgw.im_to_sm()
  }
  KSR.x.exit()
}

// Refuses new requests with 503 while the gateway has too much to do.
script.ipsmgw_overload = function () {
  if (KSR.ipsmgw.overloaded() > 0) KSR.x.exit()
}

// Handles the messages that it converts, and returns for all others.
script.ipsmgw_route = function () {
  script.ipsmgw_overload()
  if (KSR.is_REGISTER()) {
    // Before save(): the contacts are stored with their capabilities.
    KSR.ipsmgw.save()
    return
  }
  if (!KSR.is_MESSAGE()) return

  identify()
  if (KSR.ipsmgw.enabled() < 0) {
    // `ipsmgw.disable`: reports on open messages are taken; your script handles all other messages.
    if (KSR.ipsmgw.expects_report() < 0) return
    KSR.ipsmgw.report()
    KSR.x.exit()
  }
  var kind = KSR.ipsmgw.classify()
  if (kind === 1) {
    // Not converted, by your rules: your script handles the message.
    if (!may_convert()) return
    short_message()
    KSR.x.exit()
  } else if (kind === 2 || kind === 3) {
    // RP-ACK, RP-ERROR, RP-SMMA: always answered.
    KSR.ipsmgw.report()
    KSR.x.exit()
  } else if (kind === -2) {
    KSR.notice('malformed short message refused: ' + KSR.pv.gete('$ipsmgw(error)') + ' call_id=' + KSR.pv.gete('$ci') + '\n')
    KSR.sl.sl_send_reply(400, 'Bad Short Message')
    KSR.x.exit()
  } else if (kind === 5 && KSR.ipsmgw.report() !== -2) {
    // A notification. -2: it is about a message that the gateway did not send, and goes on.
    KSR.x.exit()
  }
  instant_message(kind)
}

// A branch route. A text goes to the clients of a person, not to the phones. 21 is the parameter im_flag of ipsmgw.
script.ipsmgw_im_clients = function () {
  if (!KSR.isbflagset(21)) KSR.set_drop()
}
