// @google/genai: GEMINI_API_KEY, GOOGLE_GEMINI_BASE_URL
import { GoogleGenAI } from '@google/genai'
import { main, parameters, tool, versionOf } from './common.mjs'

const client = new GoogleGenAI({})
const asked = (prompt, config) => ({ model: 'gemini-2.5-flash', contents: prompt, config })

main({
  version: versionOf('@google/genai'),
  whole: async (prompt) => (await client.models.generateContent(asked(prompt))).text,
  tool: async (prompt) => {
    const { name, description } = tool
    const tools = [{ functionDeclarations: [{ name, description, parametersJsonSchema: parameters }] }]
    const [call] = (await client.models.generateContent(asked(prompt, { tools }))).functionCalls
    return [call.name, call.args]
  },
  stream: async function * (prompt) {
    const controller = new AbortController()
    try {
      const config = { abortSignal: controller.signal }
      for await (const chunk of await client.models.generateContentStream(asked(prompt, config))) {
        if (chunk.text) yield chunk.text
      }
    } finally {
      controller.abort()
    }
  }
})
