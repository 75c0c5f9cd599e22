// Node's own fetch
import { address, byHand, headers, main } from './common.mjs'

const send = async (body) => {
  const response = await fetch(address, { method: 'POST', headers, body })
  return { status: response.status, chunks: response.body }
}

main(byHand(process.versions.node, send))
