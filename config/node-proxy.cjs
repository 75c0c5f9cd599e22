// Teaches Node to tunnel `https` and `fetch` through HTTPS_PROXY. From 22.21 and 24.5 on, NODE_USE_ENV_PROXY=1 does that,
// but not for programs with an https.Agent of their own. Preloaded by NODE_OPTIONS; `mitmvault run` sets both.
//
// 1. Connections are made through CONNECT, with the proxy's credentials; NO_PROXY is heeded. Plain HTTP is left alone.
// 2. TLS is spoken to the destination with the options that the program gave: nothing is trusted that was not before.
// 3. Where something is not as expected, the program is left as it is.
//
// Sources: Node's documentation of `http.Agent` (createConnection) and of the global dispatcher, Symbol.for(
// 'undici.globalDispatcher.1'). Tried with Node 18.20, 20.20, 22.12 and 24.21.
'use strict'

const [major, minor] = process.versions.node.split('.').map(Number)
const native = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21)
const address = process.env.https_proxy || process.env.HTTPS_PROXY

if (address && process.env.NODE_USE_ENV_PROXY === '1') {
  const http = require('http')
  const https = require('https')
  const net = require('net')
  const tls = require('tls')

  const proxy = new URL(address)
  const direct = (process.env.no_proxy || process.env.NO_PROXY || '').split(',').map((name) => name.trim().toLowerCase())

  const bypassed = (host) => direct.some((name) => name !== '' && (
    name === '*' || host === name || host.endsWith(name.startsWith('.') ? name : `.${name}`)))

  const bare = (host) => host.toLowerCase().replace(/^\[|\]$/g, '')

  // Calls back with an error, or with a connection to the destination through the proxy.
  const tunnel = (host, port, done) => {
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
    const headers = { host: authority }
    if (proxy.username || proxy.password) {
      const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
      headers['proxy-authorization'] = `Basic ${Buffer.from(credentials).toString('base64')}`
    }
    const request = http.request({
      method: 'CONNECT', host: bare(proxy.hostname), port: proxy.port || 80, path: authority, headers, agent: false
    })
    request.once('connect', (response, socket) => {
      if (response.statusCode === 200) return done(null, socket)
      socket.destroy()
      done(new Error(`the proxy refused ${authority}: ${response.statusCode} ${response.statusMessage}`))
    })
    request.once('response', (response) => done(new Error(`the proxy answered ${response.statusCode} to CONNECT`)))
    request.once('error', done)
    request.end()
  }

  const original = https.Agent.prototype.createConnection
  https.Agent.prototype.createConnection = function (options, done) {
    const host = bare(String(options.host || options.hostname || 'localhost'))
    const able = native && this.options && this.options.proxyEnv // Node's own global agent, which can by itself
    if (able || bypassed(host) || options.socket || options.socketPath || !done) {
      return original.call(this, options, done)
    }
    const servername = options.servername || (net.isIP(host) ? '' : host)
    tunnel(host, options.port || 443, (error, socket) => {
      if (error) return done(error)
      done(null, tls.connect({ ...options, servername, socket }))
    })
  }

  // Node's own fetch is loaded when one of its names is first looked at, and then has a dispatcher.
  const slot = Symbol.for('undici.globalDispatcher.1')
  if (!native && globalThis.Headers && globalThis[slot]) {
    const Agent = globalThis[slot].constructor
    const connect = ({ hostname, protocol, port, servername }, done) => {
      const host = bare(hostname)
      const secure = protocol === 'https:'
      const number = Number(port) || (secure ? 443 : 80)
      const finish = (socket) => {
        const connection = secure
          ? tls.connect({ socket, servername: servername || (net.isIP(host) ? '' : host), ALPNProtocols: ['http/1.1'] })
          : socket
        connection.setNoDelay(true)
        connection.once('error', done)
        connection.once(secure ? 'secureConnect' : 'connect', () => done(null, connection))
      }
      if (!secure || bypassed(host)) return finish(net.connect({ host, port: number }))
      tunnel(host, number, (error, socket) => error ? done(error) : finish(socket))
    }
    globalThis[slot] = new Agent({ connect })
  }
}
