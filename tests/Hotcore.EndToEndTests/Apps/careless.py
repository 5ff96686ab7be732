"""Python's own servers as tutorials use them, over HTTP/1.1: python3 careless.py threads|one-thread PORT (0 for a free one).

A POST is answered without a look at its body."""
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


class OneThreadServer(HTTPServer):
    request_queue_size = 512


kind, port = sys.argv[1], int(sys.argv[2])
server = (ThreadingServer if kind == "threads" else OneThreadServer)(("127.0.0.1", port), App)
print(server.server_port, flush=True)
server.serve_forever()
