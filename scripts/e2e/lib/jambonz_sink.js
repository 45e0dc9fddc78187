// The audio server of jambonz's own SDK: writes what each stream brings as PATH.raw and PATH.json. Prints the port.
//
// node jambonz_sink.js MODULES DIRECTORY PATH…
const { createRequire } = require('node:module');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const [modules, directory, ...names] = process.argv.slice(2);
const { createEndpoint } = createRequire(path.join(path.resolve(modules), 'x.js'))('@jambonz/sdk/websocket');
const quiet = { info: console.error, error: console.error, debug: () => {} };
const server = http.createServer();
const service = createEndpoint({ server, logger: quiet });
for (const name of names) {
  service.audio({ path: `/${name}` }).on('connection', (stream) => {
    const chunks = [];
    const keys = [];
    stream.on('audio', (pcm) => chunks.push(pcm));
    stream.on('dtmf', ({ digit }) => {
      keys.push(digit);
      // The SDK's own way to end the stream.
      if (digit === '9') stream.disconnect();
    });
    stream.on('close', (code) => {
      fs.writeFileSync(path.join(directory, `${name}.raw`), Buffer.concat(chunks));
      const told = { metadata: stream.metadata, digits: keys.join(''), code };
      fs.writeFileSync(path.join(directory, `${name}.part`), JSON.stringify(told));
      fs.renameSync(path.join(directory, `${name}.part`), path.join(directory, `${name}.json`));
    });
  });
}
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
