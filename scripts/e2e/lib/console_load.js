// Looks at many calls: console_load.js URL; CALLS is how many, the rest of the environment is that of console.js.
'use strict'
const assert = require('node:assert/strict')
const { launch } = require('./browser.js')

const { LINK, KEY, CALLS } = process.env
const server = process.argv[2]
const calls = Number(CALLS)

// A frame that takes longer than this is felt as a pause; a machine without a graphics card draws in software.
const PAUSE_MS = 300
const USUAL_MS = 50
// What is drawn of the table: a screen, and some rows around it.
const MOST_ROWS = 80

async function main() {
  const { browser, open, complaints } = await launch(server)
  try {
    const { page } = await open({ viewport: { width: 1280, height: 900 } })
    await page.goto(LINK)
    await page.goto(`${server}/#/calls`)
    await page.getByText(`${calls} live`).waitFor({ timeout: 30_000 })
    const frames = await page.evaluate(() => new Promise(resolve => {
      const table = document.querySelector('.tall')
      const taken = []
      let last = performance.now()
      const begun = last
      const frame = now => {
        taken.push(now - last)
        last = now
        table.scrollTop = (now - begun) / 4000 * table.scrollHeight
        if (now - begun < 4000) requestAnimationFrame(frame)
        else resolve(taken.slice(1).sort((a, b) => a - b))
      }
      requestAnimationFrame(frame)
    }))
    const [usual, longest] = [frames[Math.floor(frames.length / 2)], frames.at(-1)]
    const rows = await page.locator('.tall tbody tr').count()
    console.log(`${frames.length} frames in 4 s of scrolling: usually ${usual.toFixed(1)} ms, at most ${longest.toFixed(0)} ms; ${rows} rows drawn`)
    assert.ok(rows < MOST_ROWS, `${rows} rows are drawn`)
    assert.ok(usual < USUAL_MS && longest < PAUSE_MS, `a frame takes ${usual} ms, at most ${longest} ms`)
    const list = await (await fetch(`${server}/v1/calls`, { headers: { authorization: `Bearer ${KEY}` } })).json()
    const one = list.calls[calls / 2].call
    await page.getByRole('searchbox').fill(one)
    await page.locator(`tr[data-row="${one}"]`).waitFor()
    assert.equal(await page.locator('.tall tbody tr').count(), 1)
    const asked = performance.now()
    await fetch(`${server}/v1/calls/${one}`, { method: 'DELETE', headers: { authorization: `Bearer ${KEY}` } })
    await page.getByText('No call matches').waitFor()
    console.log(`an ended call was gone after ${(performance.now() - asked).toFixed(0)} ms`)
    assert.deepEqual(complaints, [])
  } finally {
    await browser.close()
  }
}

main().catch(error => {
  console.log(String(error.stack ?? error))
  process.exitCode = 1
})
