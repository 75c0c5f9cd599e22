const https = require('https')

const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
const headers = { authorization: `Bearer ${process.env.OPENAI_API_KEY}`, 'content-type': 'application/json' }
const ask = (done) => https.request({
  agent, host: 'api.openai.com', path: '/v1/chat/completions', method: 'POST', headers
}, (response) => {
  let text = ''
  response.on('data', (part) => { text += part })
  response.on('end', () => done(JSON.parse(text).choices[0].message.content))
}).end(JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'ping' }] }))

ask((first) => { console.log(first); agent.destroy() })
