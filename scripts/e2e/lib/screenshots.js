// Takes a picture of each page: screenshots.js URL DIRECTORY; the environment is that of console.js.
'use strict'
const path = require('node:path')
const { launch, call } = require('./browser.js')

const { LINK, KEY, WORK } = process.env
const [server, directory] = process.argv.slice(2)
const SIZE = { width: 1280, height: 860 }

const wait = seconds => new Promise(resolve => setTimeout(resolve, seconds * 1000))

async function api(method, asked, body) {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  const answer = await fetch(server + asked, { method, headers, body: body && JSON.stringify(body) })
  return answer.json()
}

async function main() {
  const { browser, open } = await launch(server)
  const speech = path.join(WORK, 'speech.wav')
  // Nobody has this number.
  await call('8888', '--user', '1001').over
  const phones = [
    call('7001', '--user', '1000', '--play', speech, '--duration', '60', '--dtmf', '2500ms,4,2'),
    call('9000', '--user', '1001', '--register', '--play', speech, '--duration', '60'),
  ]
  try {
    let calls = []
    for (let tries = 0; calls.filter(one => one.state === 'answered').length < 2; tries += 1) {
      if (tries > 50) throw new Error(`the calls are not answered: ${JSON.stringify(calls)}`)
      await wait(0.2)
      calls = (await api('GET', '/v1/calls')).calls
    }
    const [bridged, agent] = ['7001', '9000'].map(to => calls.find(one => one.to === to).call)
    const tracks = ['from_customer', 'to_customer']
    await api('POST', `/v1/calls/${bridged}/streams`, { sink: 'scope', label: 'record', tracks })
    await api('POST', `/v1/calls/${agent}/streams`, { sink: 'assist', tracks })
    const shot = async (page, name) => page.screenshot({ path: path.join(directory, `${name}.png`) })
    const { page } = await open({ colorScheme: 'light', viewport: SIZE })
    await page.goto(`${server}/`)
    await page.getByRole('heading', { name: 'Sidestream' }).waitFor()
    await shot(page, 'signin')
    await page.goto(LINK)
    await page.goto(`${server}/#/calls/${bridged}`)
    await page.locator('canvas').first().waitFor()
    await wait(7)
    await page.getByRole('button', { name: 'Pause' }).click()
    await wait(4)
    await page.getByRole('button', { name: 'Resume' }).click()
    await wait(3)
    await page.getByRole('button', { name: 'Mute customer' }).click()
    await wait(2)
    await page.getByRole('button', { name: 'Unmute customer' }).click()
    await page.getByRole('button', { name: '30 s' }).click()
    await wait(3)
    await shot(page, 'call')
    await page.emulateMedia({ colorScheme: 'dark' })
    await shot(page, 'call-dark')
    await page.locator('.scroll').evaluate(element => element.scrollTo(0, element.scrollHeight))
    await wait(0.5)
    await shot(page, 'call-events')
    await page.emulateMedia({ colorScheme: 'light' })
    for (const [key, name] of [['o', 'overview'], ['c', 'calls'], ['s', 'streams'], ['t', 'trunks'], ['a', 'audit']]) {
      await page.keyboard.press('g')
      await page.keyboard.press(key)
      await wait(name === 'overview' ? 5 : 1)
      await shot(page, name)
    }
  } finally {
    await Promise.all(phones.map(phone => phone.end()))
    await browser.close()
  }
}

main().catch(error => {
  console.error(error)
  process.exitCode = 1
})
