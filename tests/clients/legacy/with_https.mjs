import https from 'node:https'

const headers = { authorization: `Bearer ${process.env.OPENAI_API_KEY}`, 'content-type': 'application/json' }
const request = https.request('https://api.openai.com/v1/chat/completions', { method: 'POST', headers }, (response) => {
  let text = ''
  response.on('data', (part) => { text += part })
  response.on('end', () => console.log(JSON.parse(text).choices[0].message.content))
})
request.end(JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'ping' }] }))
