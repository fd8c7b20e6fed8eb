// @tus/server with its file store: node serve.mjs FOLDER PORT
// Prints a line when it listens, and {"finished": {id, size, metadata}} for each upload that is complete.
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'

const [folder, port] = process.argv.slice(2)
const server = new Server({
  path: '/files',
  datastore: new FileStore({ directory: folder }),
  onUploadFinish: async (request, response, upload) => {
    console.log(JSON.stringify({ finished: { id: upload.id, size: upload.size, metadata: upload.metadata } }))
    return response
  },
})
server.listen({ host: '127.0.0.1', port: Number(port) }, () => console.log('{"listening": true}'))
