// Drives the console: console.js URL; LINK, MODULES, SIDESTREAM, SIP, PASSWORD, KEY and WORK in the environment.
'use strict'
const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { execFileSync } = require('node:child_process')
const { launch, call } = require('./browser.js')

const { MODULES, LINK, KEY, SIP, WORK } = process.env
const server = process.argv[2]
const AXE = fs.readFileSync(path.join(MODULES, 'node_modules/axe-core/axe.min.js'), 'utf8')

const step = text => console.log(`${(performance.now() / 1000).toFixed(1)} ${text}`)

async function api(method, asked) {
  const answer = await fetch(server + asked, { method, headers: { authorization: `Bearer ${KEY}` } })
  return answer.json()
}

// axe-core on the page as it stands, in its colours of both themes. The page's policy lets no script in, so axe comes by the debugger.
async function isAccessible(page, name) {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme })
    await page.evaluate(AXE)
    const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }))
    const told = violations.map(one => `${one.id}: ${one.nodes.map(node => `${node.target} ${node.failureSummary}`).slice(0, 3).join(' | ')}`)
    assert.deepEqual(told, [], `${name} in ${scheme}`)
  }
}

// How tall the bars are in the last `share` of what is drawn of a track, in pixels above its middle line.
const tallest = (page, track, levels) => page.$eval(`canvas[data-track="${track}"]`, (canvas, levels) => {
  const pen = canvas.getContext('2d')
  const wave = getComputedStyle(document.documentElement).getPropertyValue('--wave').trim()
  const [r, g, b] = [1, 3, 5].map(at => parseInt(wave.slice(at, at + 2), 16))
  const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height)
  const isWave = (x, y) => { const at = (y * width + x) * 4; return Math.abs(data[at] - r) + Math.abs(data[at + 1] - g) + Math.abs(data[at + 2] - b) < 30 }
  const count = x => { let rows = 0; for (let y = 0; y < height; y += 1) rows += isWave(x, y) ? 1 : 0; return rows }
  const columns = Array.from({ length: width }, (_, x) => count(x))
  let last = columns.length - 1
  // The newest level is the last bar that is drawn, whatever its kind, so time tells where it is.
  const seconds = Number(document.querySelector('.waves').dataset.seconds)
  last = Math.min(last, Math.round(Number(canvas.dataset.end) / seconds * width))
  return Math.max(...columns.slice(Math.max(0, last - Math.round(levels / 10 / seconds * width)), last + 1))
}, levels)

const endOf = (page, track) => page.$eval(`canvas[data-track="${track}"]`, canvas => [Number(canvas.dataset.end), canvas.dataset.kind])

async function until(what, check, patience = 10_000) {
  const end = Date.now() + patience
  for (;;) {
    const found = await check()
    if (found) return found
    assert.ok(Date.now() < end, `in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

async function signsIn(open) {
  const { page } = await open({ colorScheme: 'light', viewport: { width: 1280, height: 900 } })
  await page.goto(LINK)
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  assert.equal(new URL(page.url()).search, '', 'the key is in the address bar')
  assert.equal(await page.evaluate(() => document.cookie), '', 'a script can read the cookie')
  step('signed in')
  const stranger = await open({})
  await stranger.page.goto(LINK)
  await stranger.page.getByText('a link works once').waitFor()
  await isAccessible(stranger.page, 'sign-in')
  await stranger.context.close()
  step('the link worked once')
  return page
}

async function waveformFollows(page) {
  await page.getByRole('button', { name: 'Start a stream' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Start', exact: true }).click()
  await page.locator('.stream .state', { hasText: 'active' }).waitFor()
  step('the stream is active')
  await until('speech in both tracks', async () =>
    await page.locator('canvas').count() === 2 && await tallest(page, 'from_customer', 20) > 10 && await tallest(page, 'to_customer', 40) > 10)
  const [before] = await endOf(page, 'from_customer')
  await until('the waveform moves', async () => (await endOf(page, 'from_customer'))[0] > before + 1)
  step('the waveform moves while speech is sent')
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.locator('.stream .state', { hasText: 'paused' }).waitFor()
  await until('a second of pause is drawn', async () => {
    const [end, kind] = await endOf(page, 'from_customer')
    return kind === 'paused' && end > before + 2 && await tallest(page, 'from_customer', 10) === 0
  })
  step('and is flat when paused')
  await isAccessible(page, 'call')
  await page.emulateMedia({ colorScheme: 'light' })
  await page.getByRole('button', { name: 'Resume' }).click()
  await until('speech again', async () => (await endOf(page, 'from_customer'))[1] === 'audio' && await tallest(page, 'from_customer', 10) > 10)
  await page.getByRole('button', { name: 'Mute customer' }).click()
  await until('the muted track', async () => (await endOf(page, 'from_customer'))[1] === 'muted')
  assert.equal((await endOf(page, 'to_customer'))[1], 'audio', 'the other track is muted as well')
  step('resumed; one track muted')
}

async function stops(page, id) {
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.locator('.stream .state', { hasText: 'ended' }).waitFor()
  const { streams } = await api('GET', `/v1/calls/${id}/streams`)
  assert.deepEqual(streams.map(stream => [stream.state, stream.cause, stream.terminals.map(one => one.ended)]), [['ended', 'request', ['request']]])
  const { sinks } = await api('GET', '/v1/sinks')
  assert.equal(sinks.find(sink => sink.name === 'scope').live_streams, 0)
  step('Stop stopped the sink')
}

async function ladderIsTheCapture(page, id) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export pcap' }).click()])
  const capture = path.join(WORK, 'call.pcap')
  await download.saveAs(capture)
  assert.equal(download.suggestedFilename(), `${id}.pcap`)
  const port = SIP.split(':').pop()
  const fields = ['-T', 'fields', '-e', 'sip.Method', '-e', 'sip.Status-Code', '-e', 'sip.CSeq.method', '-E', 'separator=,']
  const text = execFileSync('tshark', ['-r', capture, '-d', `udp.port==${port},sip`, ...fields], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const captured = text.trim().split('\n').map(line => line.split(',')).map(([method, status, cseq]) => method || `${status} ${cseq}`)
  const buttons = page.locator('.drawing button[data-message]')
  const drawn = (await buttons.allInnerTexts()).map(label => label.replace(/^(\d+) .*\((\w+)\)$/, '$1 $2'))
  assert.deepEqual(drawn, captured)
  assert.ok(drawn.includes('INVITE') && drawn.includes('200 INVITE'), drawn.join())
  const lanes = await page.locator('.heads .head').allInnerTexts()
  assert.deepEqual(lanes.map(lane => lane.split('\n').pop()), ['customer', 'this server', 'sink'])
  const sinkRows = await page.locator('.drawing button:not([data-message])').allInnerTexts()
  assert.deepEqual(sinkRows.map(row => row.split(' ')[0]), ['connect', 'audio', 'pause', 'audio', 'mute', 'stop'])
  await buttons.first().click()
  assert.match(await page.locator('.raw').innerText(), /^INVITE sip:9000@/)
  await page.keyboard.press('ArrowDown')
  assert.match(await page.locator('.raw').innerText(), /^SIP\/2\.0 /)
  const ladder = page.getByRole('region', { name: 'Ladder', exact: true })
  await ladder.getByRole('button', { name: 'Table' }).click()
  const rows = await ladder.locator('tbody tr').count()
  assert.equal(rows, drawn.length + sinkRows.length, 'the table says the same')
  step(`the ladder is the capture: ${drawn.join(', ')}`)
}

async function pagesAreAccessible(page) {
  for (const [key, heading] of [['o', 'Overview'], ['c', 'Calls'], ['s', 'Streams and sinks'], ['t', 'Trunks and phones'], ['a', 'Audit']]) {
    await page.keyboard.press('g')
    await page.keyboard.press(key)
    await page.getByRole('heading', { name: heading, level: 1 }).waitFor()
    await isAccessible(page, heading)
  }
  const audited = await page.getByText('/stop').count()
  assert.ok(audited > 0, 'the audit does not tell who stopped the stream')
  await page.getByRole('link', { name: 'API' }).click()
  await page.getByText('/v1/calls/{call}/streams').first().waitFor()
  await isAccessible(page, 'docs')
  step('every page is clean in both themes; the audit knows who stopped')
}

async function keysOpen(page, id) {
  await page.keyboard.press('g')
  await page.keyboard.press('c')
  await page.getByRole('heading', { name: 'Calls', level: 1 }).waitFor()
  await page.locator(`.tall tr[data-row="${id}"]`).waitFor()
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.waitForURL(url => url.hash === `#/calls/${id}`)
  step('the keyboard opened the call')
}

// The page of the streams: a phrase for the scope, and what came of it.
async function sendsPhrase(page) {
  await page.keyboard.press('g')
  await page.keyboard.press('s')
  await page.getByRole('button', { name: 'Send test phrase to scope' }).click()
  const result = page.getByRole('region', { name: 'Test of scope' })
  await result.locator('.state', { hasText: 'passed' }).nth(2).waitFor()
  assert.match(await result.innerText(), /every sample is accounted for/)
  await isAccessible(page, 'test of a sink')
  await page.emulateMedia({ colorScheme: 'light' })
  await result.getByRole('button', { name: 'Close' }).click()
  step('a test phrase went to the scope')
}

async function hangsUp(page) {
  await page.getByRole('button', { name: 'Hang up' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Hang up' }).click()
  await page.locator('header.page .state', { hasText: 'completed' }).waitFor()
  step('hung up')
}

async function main() {
  const { browser, open, complaints } = await launch(server)
  let phone
  let page
  try {
    page = await signsIn(open)
    phone = call('9000', '--user', '1000', '--play', path.join(WORK, 'speech.wav'), '--duration', '60')
    await page.locator('tr[data-row]', { hasText: '9000' }).locator('.state', { hasText: 'answered' }).first().waitFor()
    const id = (await api('GET', '/v1/calls')).calls[0].call
    step('the call appeared')
    await keysOpen(page, id)
    await waveformFollows(page)
    await stops(page, id)
    await ladderIsTheCapture(page, id)
    await hangsUp(page)
    await phone.over
    await sendsPhrase(page)
    await pagesAreAccessible(page)
    assert.deepEqual(complaints, [])
  } catch (error) {
    console.log(complaints.join('\n'))
    await page?.screenshot({ path: path.join(WORK, 'failed.png') }).catch(() => {})
    throw error
  } finally {
    await phone?.end()
    await browser.close()
  }
}

main().catch(error => {
  console.log(String(error.stack ?? error))
  process.exitCode = 1
})
