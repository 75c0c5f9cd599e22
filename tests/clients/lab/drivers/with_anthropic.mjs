// @anthropic-ai/sdk: ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL
import Anthropic from '@anthropic-ai/sdk'
import { main, parameters, tool, versionOf } from './common.mjs'

const client = new Anthropic({ maxRetries: 0, timeout: 20_000 })
const asked = (prompt) => ({
  model: 'claude-haiku-4-5', max_tokens: 100, messages: [{ role: 'user', content: prompt }]
})

main({
  version: versionOf('@anthropic-ai/sdk'),
  whole: async (prompt) => (await client.messages.create(asked(prompt))).content[0].text,
  tool: async (prompt) => {
    const { name, description } = tool
    const tools = [{ name, description, input_schema: parameters }]
    const [block] = (await client.messages.create({ ...asked(prompt), tools })).content
    return [block.name, block.input]
  },
  stream: async function * (prompt) {
    for await (const event of await client.messages.create({ ...asked(prompt), stream: true })) {
      if (event.type === 'content_block_delta') yield event.delta.text
    }
  }
})
