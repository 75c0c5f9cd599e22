// The Vercel AI SDK with its OpenAI provider, which speaks the Responses API: OPENAI_API_KEY, OPENAI_BASE_URL
import { openai } from '@ai-sdk/openai'
import { generateText, jsonSchema, streamText, tool as described } from 'ai'
import { main, parameters, tool, versionOf } from './common.mjs'

const asked = (prompt) => ({ model: openai('gpt-4o-mini'), prompt, maxRetries: 0 })

main({
  version: `${versionOf('ai')}, @ai-sdk/openai ${versionOf('@ai-sdk/openai')}`,
  whole: async (prompt) => (await generateText(asked(prompt))).text,
  tool: async (prompt) => {
    const tools = { [tool.name]: described({ description: tool.description, inputSchema: jsonSchema(parameters) }) }
    const [call] = (await generateText({ ...asked(prompt), tools })).toolCalls
    return [call.toolName, call.input]
  },
  stream: async function * (prompt) {
    const controller = new AbortController()
    try {
      yield * streamText({ ...asked(prompt), abortSignal: controller.signal, onError: () => {} }).textStream
    } finally {
      controller.abort()
    }
  }
})
