// JsSIP in a page, with a remote control: `connect` and `write` are called from outside, `events` is read from there.
'use strict'
const JsSIP = require('jssip')

const events = []
let client

function connect (url, uri, password) {
  client = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(url)], uri, password, register_expires: 600 })
  client.on('registered', () => events.push({ event: 'registered' }))
  client.on('registrationFailed', ({ cause }) => events.push({ event: 'registration failed', cause }))
  client.on('unregistered', () => events.push({ event: 'unregistered' }))
  client.on('newMessage', ({ originator, request }) => {
    if (originator === 'remote') events.push({ event: 'message', from: request.from.uri.toString(), text: request.body })
  })
  client.start()
}

function write (to, text) {
  const result = ({ response, cause }) => events.push({ event: 'result', status: response ? response.status_code : null, cause })
  client.sendMessage(to, text, { eventHandlers: { succeeded: result, failed: result } })
}

// Opens a WebSocket and forgets it: the browser's log tells what it thinks of the port.
function knock (url) {
  try { new WebSocket(url, 'sip').onerror = () => events.push({ event: 'closed' }) } catch (error) { events.push({ event: 'closed' }) }
}

window.page = { connect, write, knock, events, stop: () => client.stop() }
