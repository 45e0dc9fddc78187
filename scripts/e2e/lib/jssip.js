// Drives JsSIP in Chromium: jssip.js WEBSOCKET SERVER PAGE-PORT; MODULES, PASSWORD and SIDESTREAM in the environment.
'use strict'
const assert = require('node:assert/strict')
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { spawn } = require('node:child_process')

const { MODULES, PASSWORD, SIDESTREAM } = process.env
const { chromium } = require(path.join(MODULES, 'node_modules/playwright-core'))
const [url, server, pagePort] = process.argv.slice(2)

// What the browser is told: it asks nobody for anything, its microphone is a tone, and the certificate of the test is good enough.
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
  '--ignore-certificate-errors',
]
const PATIENCE = 15_000

// Serves the page and JsSIP, and nothing else.
function serve() {
  const files = { '/': path.join(__dirname, 'jssip_page.html'), '/jssip.js': path.join(MODULES, 'jssip.js') }
  const site = http.createServer((request, response) => {
    const file = files[request.url]
    if (!file) return response.writeHead(404).end()
    response.writeHead(200, { 'Content-Type': request.url === '/' ? 'text/html' : 'text/javascript' }).end(fs.readFileSync(file))
  })
  return new Promise(resolve => site.listen(Number(pagePort), '127.0.0.1', () => resolve(site)))
}

// A page with its phone; what happened to it is taken in order.
class Phone {
  static async on(browser, origin) {
    const page = await browser.newPage()
    page.on('pageerror', error => console.log('page:', error))
    await page.goto(origin)
    await page.evaluate(
      ([url, password]) => phone.start(url, 'sip:1000@sidestream', password), [url, PASSWORD])
    return new Phone(page)
  }

  constructor(page) {
    this.page = page
    this.taken = 0
  }

  // The next thing that happened, which must be this one; `expected` is what of it is asserted.
  async next(event, expected = {}) {
    const taken = this.taken++
    await this.page.waitForFunction(taken => seen.length > taken, taken, { timeout: PATIENCE }).catch(() => assert.fail(`no ${event} came`))
    const entry = await this.page.evaluate(taken => seen[taken], taken)
    console.log(JSON.stringify(entry))
    assert.equal(entry.event, event, JSON.stringify(entry))
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(entry[name], value, `${name} in ${JSON.stringify(entry)}`)
    return entry
  }

  do(what, ...given) {
    return this.page.evaluate(([what, given]) => { phone[what](...given) }, [what, given])
  }
}

// The built-in phone calls user 1000; gives what it says of the call.
function call(...more) {
  const asked = ['call', '1000', '--server', server, '--user', '1001', '--password', PASSWORD, '--json', ...more]
  const caller = spawn(SIDESTREAM, asked, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  caller.stdout.on('data', bytes => { said += bytes })
  return new Promise(resolve => caller.on('close', () => {
    console.log('caller:', said.trim())
    resolve(JSON.parse(said))
  }))
}

async function registers(phone) {
  await phone.next('connected')
  await phone.do('register')
  const { contact } = await phone.next('registered', { status: 200 })
  assert.match(contact, /\.invalid;transport=ws/)
}

async function isCalledAndRefuses(phone) {
  const calling = call()
  const { body } = await phone.next('session', { originator: 'remote', number: '1001' })
  assert.match(body, /^m=audio \d+ RTP\/AVP /m)
  await phone.next('progress', { originator: 'local' })
  await phone.do('reject', 486)
  await phone.next('failed', { originator: 'local', cause: 'Rejected' })
  assert.equal((await calling).status, 486)
}

// Chromium takes nothing but DTLS-SRTP, and JsSIP refuses for it.
async function isCalledAndCannotAnswer(phone) {
  const calling = call()
  await phone.next('session', { originator: 'remote' })
  await phone.next('progress', { originator: 'local' })
  await phone.do('answer')
  await phone.next('failed', { originator: 'system', cause: 'WebRTC Error' })
  assert.equal((await calling).status, 488)
}

async function isCalledInVain(phone) {
  const calling = call('--answer-timeout', '1')
  await phone.next('session', { originator: 'remote' })
  await phone.next('progress', { originator: 'local' })
  await phone.next('failed', { originator: 'remote', cause: 'Canceled' })
  assert.equal((await calling).ok, false)
}

async function asksForOptions(phone) {
  await phone.do('options', 'sip:sidestream')
  const { allow } = await phone.next('options', { status: 200 })
  assert.match(allow, /\bINVITE\b/)
}

// Nor does it offer anything else, which is nothing for this server.
async function callsAndIsToldWhyNot(phone) {
  await phone.do('call', 'sip:9196@sidestream')
  const { body } = await phone.next('session', { originator: 'local' })
  assert.ok(!body, 'the offer is not made yet')
  await phone.next('failed', { originator: 'remote', cause: 'Incompatible SDP', status: 488 })
}

async function unregisters(phone) {
  await phone.do('unregister')
  await phone.next('unregistered', { status: 200 })
  await phone.do('stop')
  await phone.next('disconnected', { error: false })
  const { status } = await call()
  assert.equal(status, 480, 'it is gone')
}

async function isRefused(phone) {
  await phone.next('disconnected', { error: true })
  await phone.page.close()
}

async function main() {
  const site = await serve()
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: FLAGS })
  try {
    await isRefused(await Phone.on(browser, `http://localhost:${pagePort}/`))
    const phone = await Phone.on(browser, `http://127.0.0.1:${pagePort}/`)
    const parts = [registers, isCalledAndRefuses, isCalledAndCannotAnswer, isCalledInVain, asksForOptions, callsAndIsToldWhyNot, unregisters]
    for (const part of parts) {
      const begun = Date.now()
      await part(phone)
      console.log(`--- ${part.name}: ${Date.now() - begun} ms`)
    }
  } finally {
    await browser.close()
    site.close()
  }
}

main().catch(error => {
  console.log(error)
  process.exitCode = 1
})
