// A sink of the native protocol in Node: counts the audio of each stream, acknowledges it, prints the rest.
//
//   npm install ws
//   node native_sink.mjs 9090
//
// docs/native-protocol.md describes every byte.

import { createRequire } from 'node:module'

// NODE_PATH is for require alone.
const { WebSocketServer } = createRequire(import.meta.url)('ws')

const AUDIO = 0x11
const TRACKS = ['from_customer', 'to_customer']
const HEADER = 24
const BYTES = { pcm_s16le: 2, pcmu: 1, pcma: 1 }

const port = Number(process.argv[2] ?? 9090)
const streams = new Map()

// A stream over all its connections: how far each track is there, and how far that was said.
function streamOf(hello) {
  if (!streams.has(hello.stream)) {
    const track = () => ({ end: 0, acknowledged: 0 })
    streams.set(hello.stream, { tracks: Object.fromEntries(hello.tracks.map(name => [name, track()])) })
  }
  return Object.assign(streams.get(hello.stream), { id: hello.stream, rate: hello.sample_rate, bytes: BYTES[hello.encoding] })
}

function takeFrame(stream, frame, send) {
  if (frame[0] !== AUDIO) return
  const name = TRACKS[frame[1]]
  const track = stream.tracks[name]
  const position = Number(frame.readBigUInt64BE(8))
  // After a reconnect frames come again: a position tells what is new.
  track.end = Math.max(track.end, position + (frame.length - HEADER) / stream.bytes)
  if (track.end - track.acknowledged < stream.rate / 2) return
  track.acknowledged = track.end
  send({ type: 'ack', track: name, position: track.end })
}

const server = new WebSocketServer({ host: '127.0.0.1', port })
server.on('connection', socket => {
  let stream
  const send = message => socket.send(JSON.stringify(message))
  socket.on('message', (data, isBinary) => {
    if (isBinary) return stream && takeFrame(stream, data, send)
    const event = JSON.parse(data)
    if (event.type === 'hello') stream = streamOf(event)
    if (event.type === 'manifest') streams.delete(stream?.id)
    console.log(stream?.id, event.type)
  })
  // A stream that is lost comes again on another connection.
  socket.on('error', error => console.log(stream?.id, error.message))
})
server.on('listening', () => console.log(`listening on ws://127.0.0.1:${port}`))
