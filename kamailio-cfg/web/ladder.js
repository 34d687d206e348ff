// The ladder: each SIP message between the phone, the gateway and the client, in the order in which the gateway got or sent it.
'use strict'

function element (name, attributes, ...content) {
  const made = document.createElement(name)
  Object.assign(made, attributes)
  made.append(...content)
  return made
}

// Runs `change`, and keeps the end of the list in view if it was in view.
function atTheEnd (list, change) {
  const follows = list.scrollHeight - list.scrollTop - list.clientHeight < 60
  change()
  if (follows) list.scrollTop = list.scrollHeight
}

class Ladder {
  constructor (section) {
    this.list = section.querySelector('.ladder')
    this.registrations = section.querySelector('.registrations')
    this.messages = []
    this.registrations.addEventListener('change', () => this.show(this.messages))
    section.querySelector('.clear').addEventListener('click', () => this.show([]))
  }

  show (messages) {
    this.messages = []
    this.list.replaceChildren()
    this.began = this.last = null
    for (const message of messages) this.add(message)
  }

  add (message) {
    this.messages.push(message)
    if (message.registration && !this.registrations.checked) return
    this.began ??= message.at
    const rung = this.rung(message)
    // A space where a while passed.
    rung.classList.toggle('later', message.at - (this.last ?? message.at) > 0.5)
    this.last = message.at
    atTheEnd(this.list, () => this.list.append(rung))
  }

  rung (message) {
    const rightwards = (message.side === 'phone') !== message.sent
    const way = message.sent ? `gateway to ${message.side}` : `${message.side} to gateway`
    const what = element('span', { className: 'what' },
      element('span', { className: 'unseen' }, way + ': '),
      element('span', { className: 'title' }, message.title),
      element('span', { className: 'content' }, message.content),
      element('span', { className: 'arrow', ariaHidden: 'true' }))
    const button = element('button', { type: 'button', ariaExpanded: 'false' },
      element('span', { className: 'at' }, (message.at - this.began).toFixed(3) + ' s'), what)
    const refused = /^[3-6]/.test(message.title) && !/^4[0-9]7 Proxy|^401/.test(message.title) || / cause |failed/.test(' ' + message.content)
    const rung = element('li', { className: [message.side, rightwards ? 'right' : 'left', refused ? 'refused' : ''].join(' ') }, button)
    button.addEventListener('click', () => this.open(rung, button, message))
    return rung
  }

  // Shows the whole message below its line, or hides it.
  async open (rung, button, message) {
    if (rung.lastChild !== button) {
      rung.lastChild.remove()
      button.ariaExpanded = 'false'
      return
    }
    button.ariaExpanded = 'true'
    const whole = await (await fetch('/message/' + message.number)).json()
    const part = (title, text) => text ? [element('h3', {}, title), element('pre', {}, text)] : []
    rung.append(element('div', { className: 'whole' },
      ...part('RP message and TPDU, decoded', whole.fields),
      ...part('SIP', whole.head),
      ...part(whole.fields ? 'Body, octets' : 'Body', whole.body)))
  }
}

module.exports = { Ladder, element, atTheEnd }
