// What the Node drivers share: the lab's protocol (see common.py), and chat completions by hand.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

export const [label, file, url] = process.argv.slice(2)
export const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
export const tool = { name: 'get_weather', description: 'The weather in a city.', parameters }

export class StatusError extends Error {
  constructor (status, text) {
    super(text)
    this.status = status
  }
}

// client: { version, whole, stream, tool }. A stream is an async iterator of texts; leaving its loop closes it.
export async function main (client) {
  const say = (seen) => console.log(JSON.stringify(seen))
  say({ version: client.version })
  for await (const line of createInterface({ input: process.stdin })) {
    const name = line.trim()
    try {
      say(await see(client, name, `${label}:${name}`))
    } catch (error) {
      const status = [error.statusCode, error.status, error.lastError?.statusCode].find(Number.isInteger)
      const cause = error.cause ? ` (${error.cause.message})` : ''
      say({ kind: error.constructor.name, status, error: `${error.message}${cause}`.slice(0, 2000) })
    }
  }
  process.exit(0)
}

const collected = async (stream) => {
  const pieces = []
  for await (const piece of stream) pieces.push(piece)
  return pieces
}

async function see (client, name, prompt) {
  if (name === 'sse') {
    const pieces = await collected(client.stream(prompt))
    return { text: pieces.join(''), pieces: pieces.length }
  }
  if (name === 'async') {
    const [first, second, third] = [1, 2, 3].map((number) => `${prompt}:${number}`)
    const streamed = collected(client.stream(second)).then((pieces) => pieces.join(''))
    return { texts: await Promise.all([client.whole(first), streamed, client.whole(third)]) }
  }
  if (name === 'tools') {
    const [called, given] = await client.tool(prompt)
    return { tool: called, arguments: given }
  }
  if (name === 'cancel') {
    for await (const piece of client.stream(prompt)) return { text: piece }
  }
  if (name === 'body') prompt += '\n' + readFileSync(file, 'utf8')
  return { text: await client.whole(prompt) }
}

// -- chat completions by hand

export const address = (url === '-' ? 'https://api.openai.com/v1' : url) + '/chat/completions'
export const headers = { authorization: `Bearer ${process.env.OPENAI_API_KEY}`, 'content-type': 'application/json' }
export const body = (prompt, more = {}) =>
  JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: prompt }], ...more })
export const withTool = (prompt) => body(prompt, { tools: [{ type: 'function', function: tool }] })
export const text = (answer) => answer.choices[0].message.content
export const call = (answer) => {
  const { name, arguments: given } = answer.choices[0].message.tool_calls[0].function
  return [name, JSON.parse(given)]
}

// The texts of an event stream, from chunks of bytes as they come.
export async function * pieces (chunks) {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop()
    for (const line of lines) {
      if (!line.startsWith('data: {')) continue
      const piece = JSON.parse(line.slice(6)).choices[0]?.delta.content
      if (piece) yield piece
    }
  }
}

// What such a client can do, made of one function: body -> { status, chunks }.
export function byHand (version, send) {
  const whole = async (given) => {
    const { status, chunks } = await send(given)
    const parts = []
    for await (const chunk of chunks) parts.push(chunk)
    const printed = Buffer.concat(parts).toString()
    if (status !== 200) throw new StatusError(status, printed)
    return JSON.parse(printed)
  }
  return {
    version,
    whole: async (prompt) => text(await whole(body(prompt))),
    tool: async (prompt) => call(await whole(withTool(prompt))),
    stream: async function * (prompt) {
      const { chunks } = await send(body(prompt, { stream: true }))
      yield * pieces(chunks)
    }
  }
}

// -- what is installed

export const versionOf = (name) =>
  JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url))).version
