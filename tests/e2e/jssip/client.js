// JsSIP with a remote control: commands as lines of JSON on stdin, what happens as lines of JSON on stdout.
'use strict'

// node 18 and 20 have no WebSocket of their own. JsSIP's code is the one that browsers run.
globalThis.WebSocket = require('ws').WebSocket
const JsSIP = require('jssip')

// Of a client that says it can do message/cpim, and refuses it.
const [, , url, uri, password, refused] = process.argv
const tell = (event, more) => process.stdout.write(JSON.stringify({ event, ...more }) + '\n')

const client = new JsSIP.UA({
  sockets: [new JsSIP.WebSocketInterface(url)],
  uri,
  password,
  register_expires: 600
})

if (refused) client.registrator().setExtraContactParams({ '+g.oma.sip-im': null })

client.on('registered', () => tell('registered'))
client.on('registrationFailed', ({ cause }) => tell('registration failed', { cause }))
client.on('disconnected', () => tell('disconnected'))
client.on('newMessage', ({ originator, message, request }) => {
  if (originator === 'remote') {
    if (request.getHeader('Content-Type') === refused) message.reject({ status_code: 415 })
    tell('message', {
      from: request.from.uri.toString(),
      type: request.getHeader('Content-Type'),
      text: request.body
    })
  }
})

function send ({ to, text, type }) {
  const result = ({ response, cause }) => tell('result', { status: response ? response.status_code : null, cause })
  client.sendMessage(to, text, { contentType: type, eventHandlers: { succeeded: result, failed: result } })
}

require('readline').createInterface({ input: process.stdin })
  .on('line', line => send(JSON.parse(line)))
  .on('close', () => client.stop())
client.start()
