// The client: JsSIP with instant messages in message/cpim (RFC 3862) and notifications (RFC 5438). It knows nothing of phones.
'use strict'
const JsSIP = require('jssip')

const REFUSED = { 404: 'nobody has this address', 413: 'too long for a phone', 480: 'the phone cannot take it now', 503: 'the gateway has too much to do' }

function unwrapped (body) {
  const [head, inner, ...rest] = body.split('\r\n\r\n')
  const field = name => (new RegExp('^' + name + ':\\s*(.*)$', 'mi').exec(head) || [])[1]
  return {
    id: field('imdn\\.Message-ID'),
    wanted: field('imdn\\.Disposition-Notification') || '',
    type: (/^content-type:\s*([^;\r\n]*)/mi.exec(inner || '') || ['', ''])[1].trim().toLowerCase(),
    text: rest.join('\r\n\r\n')
  }
}

function wrapped (from, to, fields, type, text) {
  return [
    `From: <${from}>`, `To: <${to}>`, `DateTime: ${new Date().toISOString()}`, 'NS: imdn <urn:ietf:params:imdn>', ...fields, '',
    `Content-Type: ${type}`, ...(type === 'message/imdn+xml' ? ['Content-Disposition: notification'] : []), '', text
  ].join('\r\n')
}

class Client {
  // `changed` is called when `messages` or the state has changed.
  constructor ({ socket, client }, changed) {
    this.uri = client.uri
    this.changed = changed
    this.messages = []
    this.online = false
    this.refuses = false
    this.agent = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(socket)], uri: client.uri, password: client.password, register_expires: 600 })
    // The capability to read message/cpim: a phone's wish for a status report comes as a wish for a notification.
    this.agent.registrator().setExtraContactParams({ '+g.oma.sip-im': null })
    this.agent.on('registered', () => this.is(true))
    this.agent.on('unregistered', () => this.is(false))
    this.agent.on('disconnected', () => this.is(false))
    this.agent.on('newMessage', ({ originator, message, request }) => { if (originator === 'remote') this.comes(message, request) })
    this.agent.start()
  }

  is (online) {
    this.online = online
    this.changed()
  }

  switch (online) {
    if (online) this.agent.register()
    else this.agent.unregister()
  }

  write (to, text) {
    const message = { id: 'm' + Math.random().toString(36).slice(2), mine: true, text, state: 'sending', note: '' }
    this.messages.push(message)
    const becomes = (state, note) => {
      message.state = state
      message.note = note
      this.changed()
    }
    const fields = [`imdn.Message-ID: ${message.id}`, 'imdn.Disposition-Notification: positive-delivery, negative-delivery']
    this.send(to, wrapped(this.uri, to, fields, 'text/plain; charset=utf-8', text), {
      succeeded: ({ response }) => {
        // 202: accepted, and a notification follows.
        if (response.status_code === 200) becomes('delivered', '200: the phone has it')
        else if (message.state === 'sending') becomes('sent', '202: the gateway keeps it until the phone has it')
      },
      failed: ({ response, cause }) => {
        const code = response ? response.status_code : 0
        becomes('failed', response ? `${code} ${response.reason_phrase}${REFUSED[code] ? ': ' + REFUSED[code] : ''}` : cause)
      }
    })
    this.changed()
  }

  send (to, body, eventHandlers) {
    this.agent.sendMessage(to, body, { contentType: 'message/cpim', eventHandlers })
  }

  comes (message, request) {
    const type = (request.getHeader('Content-Type') || '').split(';')[0].trim().toLowerCase()
    const from = request.from.uri.toString()
    const entity = type === 'message/cpim' ? unwrapped(request.body) : { type, text: request.body, wanted: '' }
    if (entity.type === 'message/imdn+xml') {
      this.notified(entity.text)
    } else if (this.refuses) {
      message.reject({ status_code: 603, reason_phrase: 'Decline' })
    } else if (entity.type === 'text/plain') {
      this.messages.push({ mine: false, from: request.from.uri.user, text: entity.text })
      this.changed()
      if (entity.wanted.includes('positive-delivery')) setTimeout(() => this.confirm(from, entity.id), 0)
    }
  }

  // A notification about one of the own messages: the end of what 202 left open.
  notified (document) {
    const id = (/<message-id>([^<]*)/.exec(document) || [])[1]
    const message = this.messages.find(message => message.id === id)
    if (!message || message.state === 'delivered') return
    const delivered = /<delivered\s*\/>/.test(document)
    message.state = delivered ? 'delivered' : 'failed'
    message.note = delivered ? 'notification: the phone has it' : 'notification: not delivered'
    this.changed()
  }

  confirm (to, id) {
    const document = '<?xml version="1.0" encoding="UTF-8"?><imdn xmlns="urn:ietf:params:xml:ns:imdn">' +
      `<message-id>${id}</message-id><datetime>${new Date().toISOString()}</datetime>` +
      '<delivery-notification><status><delivered/></status></delivery-notification></imdn>'
    this.send(to, wrapped(this.uri, to, [`imdn.Message-ID: n${id}`], 'message/imdn+xml', document), {})
  }
}

module.exports = { Client }
