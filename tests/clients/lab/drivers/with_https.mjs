// node:https (and node:http for our address)
import http from 'node:http'
import https from 'node:https'
import { address, byHand, headers, main } from './common.mjs'

const send = (body) => new Promise((resolve, reject) => {
  const { request } = address.startsWith('https:') ? https : http
  request(address, { method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(body) } }, (response) => {
    resolve({ status: response.statusCode, chunks: response })
  }).on('error', reject).end(body)
})

main(byHand(process.versions.node, send))
