// undici, as a package of its own
import { request } from 'undici'
import { address, byHand, headers, main, versionOf } from './common.mjs'

const send = async (body) => {
  const response = await request(address, { method: 'POST', headers, body })
  return { status: response.statusCode, chunks: response.body }
}

main(byHand(versionOf('undici'), send))
