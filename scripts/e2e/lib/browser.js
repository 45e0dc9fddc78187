// Chromium as the console's tests and screenshots have it: no address but the server's can be reached, what the page complains of is kept.
'use strict'
const path = require('node:path')
const { spawn } = require('node:child_process')

const { MODULES, SIDESTREAM, SIP, PASSWORD } = process.env
const { chromium } = require(path.join(MODULES, 'node_modules/playwright-core'))

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]

// A browser, and the complaints of all its pages: errors, refusals of the policy, requests that go elsewhere.
async function launch(server) {
  const host = new URL(server).host
  // Names lead nowhere, and a proxy that nobody runs takes every address but the server's.
  const alone = ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', `--proxy-server=127.0.0.1:9`, `--proxy-bypass-list=<-loopback>;${host}`]
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: [...FLAGS, ...alone] })
  const complaints = []
  const watch = page => {
    page.on('pageerror', error => complaints.push(`error: ${error.message}`))
    page.on('console', message => {
      // The tests read the canvas, which the page does not; and it may ask for what is not there.
      const isOurs = /willReadFrequently|status of 40[14]/.test(message.text())
      if (['error', 'warning'].includes(message.type()) && !isOurs) complaints.push(`console: ${message.text()}`)
    })
    page.on('request', request => {
      const url = new URL(request.url())
      if (url.protocol !== 'blob:' && url.host !== host) complaints.push(`request to ${url.host}`)
    })
    return page
  }
  const open = async options => {
    const context = await browser.newContext({ acceptDownloads: true, ...options })
    context.setDefaultTimeout(10_000)
    return { context, page: watch(await context.newPage()) }
  }
  return { browser, open, complaints }
}

// The built-in phone calls; it says its words on its own until `end` or its time is over.
function call(number, ...more) {
  const asked = ['call', number, '--server', SIP, '--password', PASSWORD, '--json', ...more]
  const phone = spawn(SIDESTREAM, asked, { stdio: ['ignore', 'ignore', 'inherit'] })
  const over = new Promise(resolve => phone.on('close', resolve))
  return { over, end: () => { phone.kill('SIGTERM'); return over } }
}

module.exports = { launch, call }
