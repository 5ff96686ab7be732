// An app as people write them with Node: node app.js PORT [KEEP-ALIVE MILLISECONDS]. Node's own 5 s by default. With TLS_PEM, the
// path of a certificate and its key, it speaks HTTPS.
const fs = require('fs');
const http = require('http');
const https = require('https');

const answer = (request, response) => {
  if (request.method === 'GET') {
    const body = JSON.stringify({ path: request.url, headers: request.headers });
    response.writeHead(200, { 'Content-Length': Buffer.byteLength(body) });
    response.end(body);
  } else {
    // No length: the answer is chunked, and begins before the request has ended.
    response.writeHead(200);
    request.pipe(response);
  }
};

const pem = process.env.TLS_PEM && fs.readFileSync(process.env.TLS_PEM);
const server = pem ? https.createServer({ cert: pem, key: pem }, answer) : http.createServer(answer);

if (process.argv[3]) server.keepAliveTimeout = Number(process.argv[3]);
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 512 }, () => console.log(server.address().port));
