"""Python's own servers as tutorials use them, over HTTP/1.1: python3 careless.py threads|one-thread PORT [PEM] (0 for a free one).

A POST is answered without a look at its body. With a certificate and its key in one file, they speak HTTPS alone."""
import ssl
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536

    def do_GET(self):
        body = f"{self.command} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


class ThreadingServer(ThreadingHTTPServer):
    request_queue_size = 512


kind, port, pem = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
# The one with one thread has room for five connections that wait, as all of Python's have.
server = (ThreadingServer if kind == "threads" else HTTPServer)(("127.0.0.1", port), App)
if pem:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem[0])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
