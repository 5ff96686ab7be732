"""An app as people write them with Python's own server: python3 app.py PORT (0 for a free one)."""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # An answer leaves in one piece: who kills this app meanwhile never cuts one in two.
    wbufsize = 65536

    def do_GET(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.answer(json.dumps({"path": self.path, "headers": headers}).encode())

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            self.answer(b"".join(self.chunks()))
        else:
            self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    do_PUT = do_POST

    def handle_expect_100(self):
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def chunks(self):
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 512


server = Server(("127.0.0.1", int(sys.argv[1])), App)
print(server.server_port, flush=True)
server.serve_forever()
