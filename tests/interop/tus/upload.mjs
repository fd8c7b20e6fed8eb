// tus-js-client uploads a file: node upload.mjs '{"endpoint", "path", "metadata", "tls"?: {"key", "cert", "ca"}, "chunk"?}'
// Prints one JSON line: {"url", "sent", "errors"}, or {"failed"} and exits with 1.
import fs from 'node:fs'
import https from 'node:https'
import * as tus from 'tus-js-client'

const asked = JSON.parse(process.argv[2])
const options = {}
if (asked.tls) {
  const [key, cert, ca] = ['key', 'cert', 'ca'].map((name) => fs.readFileSync(asked.tls[name]))
  options.agent = new https.Agent({ key, cert, ca })
}
let errors = 0
const upload = new tus.Upload(fs.createReadStream(asked.path), {
  endpoint: asked.endpoint,
  metadata: asked.metadata,
  uploadSize: fs.statSync(asked.path).size,
  chunkSize: asked.chunk ?? 1 << 20,
  retryDelays: Array(50).fill(20),
  httpStack: new tus.DefaultHttpStack(options),
  onShouldRetry: () => {
    errors += 1
    return true
  },
  onError: (error) => {
    console.log(JSON.stringify({ failed: error.message, errors }))
    process.exit(1)
  },
  onSuccess: () => {
    console.log(JSON.stringify({ url: upload.url, errors }))
    process.exit(0)
  },
})
upload.start()
