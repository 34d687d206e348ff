// The page: what the two devices show, and the ladder.
'use strict'
const { Client } = require('./client')
const { Ladder, element, atTheEnd } = require('./ladder')

const ACCENTS = 'Grüße aus Málaga 🌞 — à bientôt, Zoë! 👩‍🚀'
const LONG = 'A long text has more characters than one short message can carry, so a phone sends and gets it in parts. The gateway puts ' +
  'the parts together for the client, whatever their order, and cuts the text of a client into parts for the phone. Both people see one text.'
const NOBODY = '+15557777'
const TICKS = { sending: '…', sent: '✓', delivered: '✓✓', failed: '✗' }

const phone = document.getElementById('phone')
const client = document.getElementById('client')
const ladder = new Ladder(document.getElementById('wire'))
const trouble = document.getElementById('trouble')
let people, agent

function show (device, messages) {
  const list = device.querySelector('.messages')
  atTheEnd(list, () => list.replaceChildren(...messages.map(bubble)))
}

function bubble ({ mine, text, from, state, note }) {
  const item = element('li', { className: mine ? `mine ${state}` : 'theirs' }, element('p', {}, text))
  const below = element('p', { className: 'state' })
  if (mine) below.append(element('b', {}, element('span', { ariaHidden: 'true' }, TICKS[state] + ' '), state), note ? ` – ${note}` : '')
  else below.append(`from ${from}`)
  item.append(below)
  return item
}

function setSwitches (device, on, label) {
  device.querySelector('.on').checked = on
  device.classList.toggle('is-off', !on)
}

function showHandset ({ on, full, messages }) {
  setSwitches(phone, on)
  phone.querySelector('.full').checked = full
  phone.classList.toggle('is-full', full)
  show(phone, messages)
}

function showClient () {
  setSwitches(client, agent.online)
  show(client, agent.messages)
}

function command (wanted) {
  fetch('/phone', { method: 'POST', body: JSON.stringify(wanted) }).catch(() => { trouble.textContent = 'The server of this page has ended.' })
}

for (const device of [phone, client]) {
  const form = device.querySelector('form')
  const text = form.querySelector('textarea')
  const fill = content => () => { text.value = content; text.focus() }
  form.querySelector('.accents').addEventListener('click', fill(ACCENTS))
  form.querySelector('.long').addEventListener('click', fill(LONG))
  text.addEventListener('keydown', event => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    form.requestSubmit()
  })
  form.addEventListener('submit', event => {
    event.preventDefault()
    const nobody = form.querySelector('.to').value === 'nobody'
    if (device === client) agent.write(nobody ? people.phone.uri.replace(people.phone.number, NOBODY) : people.phone.uri, text.value)
    else command({ write: text.value, to: nobody ? NOBODY : people.client.number })
    text.value = ''
  })
}

phone.querySelector('.on').addEventListener('change', event => command({ on: event.target.checked }))
phone.querySelector('.full').addEventListener('change', event => command({ full: event.target.checked }))
client.querySelector('.on').addEventListener('change', event => agent.switch(event.target.checked))
client.querySelector('.refuses').addEventListener('change', event => { agent.refuses = event.target.checked })

const events = new EventSource('/events')
events.addEventListener('snapshot', ({ data }) => {
  const state = JSON.parse(data)
  people = state
  trouble.textContent = ''
  phone.querySelector('.number').textContent = state.phone.number
  client.querySelector('.number').textContent = state.client.number
  showHandset(state.handset)
  ladder.show(state.wire)
  agent ??= new Client(state, showClient)
  // Nothing can be written before.
  document.querySelector('main').inert = false
})
events.addEventListener('handset', ({ data }) => showHandset(JSON.parse(data)))
events.addEventListener('wire', ({ data }) => ladder.add(JSON.parse(data)))
events.addEventListener('error', () => { trouble.textContent = 'No connection to the server of this page. Is kamailio-cfg/run web still running?' })
