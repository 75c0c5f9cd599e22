// openai: OPENAI_API_KEY, OPENAI_BASE_URL
import OpenAI from 'openai'
import { call, main, text, tool, versionOf } from './common.mjs'

const client = new OpenAI({ maxRetries: 0, timeout: 20_000 })
const ask = (prompt, more) => client.chat.completions.create({
  model: 'gpt-4o-mini', messages: [{ role: 'user', content: prompt }], ...more
})

main({
  version: versionOf('openai'),
  whole: async (prompt) => text(await ask(prompt)),
  tool: async (prompt) => call(await ask(prompt, { tools: [{ type: 'function', function: tool }] })),
  stream: async function * (prompt) {
    for await (const chunk of await ask(prompt, { stream: true })) {
      const piece = chunk.choices[0]?.delta.content
      if (piece) yield piece
    }
  }
})
