"""An HTTP/2 app with prior knowledge, on Debian's python3-h2: http2.py PORT (0 for a free one).

It does what other servers do not let one do, and prints what other servers do not tell:

    /hints      103 with two fields, then 200
    /reset/N    RST_STREAM with the error code N, before any answer
    /refuse     RST_STREAM with REFUSED_STREAM to the first of such requests, an answer to the others
    /leave      GOAWAY that leaves the first of such requests out, an answer to the others
    /…-and-end  the same of both, and the end of the connection right behind it
    /body/N     the status N, and content that looks like another answer, whether that status may have content or not
    /odd        799, its length twice, a control character in a value, 900 fields, and "ok"
    /bad        a field that HTTP/2 does not allow
    /early      content before any head
    /much       200 and 10 MB, as the windows allow; `full N` when the stream N finds no window left
    /wait       no answer; `begun PATH`, and `reset PATH N` once it is given up with the error code N
    else        200 with the request's fields and trailers, one a line, once its body has ended
"""
import socket
import sys
import threading

import h2.config
import h2.connection
import h2.events


first = {"/refuse", "/refuse-and-end", "/leave", "/leave-and-end"}


def tell(*words):
    """One write a line: several connections may have something to tell at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class Connection:
    def __init__(self, peer):
        self.peer = peer
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=False, header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False))
        self.requests = {}
        self.unsent = {}
        self.refused = set()
        self.is_over = False

    def serve(self):
        self.h2.initiate_connection()
        while True:
            self.peer.sendall(self.h2.data_to_send())
            if self.is_over:
                return self.end()
            if not (data := self.peer.recv(65536)):
                return None
            for event in self.h2.receive_data(data):
                self.handle(event)

    def handle(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.requests[event.stream_id] = list(event.headers)
            self.begin(event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            self.requests[event.stream_id] += [("trailer " + name, value) for name, value in event.headers]
        elif isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.WindowUpdated):
            for stream in list(self.unsent):
                self.send_more(stream)
        elif isinstance(event, h2.events.StreamReset) and event.remote_reset:
            self.unsent.pop(event.stream_id, None)
            tell("reset", self.path(event.stream_id), int(event.error_code))
        elif isinstance(event, h2.events.StreamEnded):
            self.answer(event.stream_id)

    def path(self, stream):
        return dict(self.requests[stream])[":path"]

    def begin(self, stream):
        if self.path(stream) in first:
            self.refuse(stream)
        elif self.path(stream).startswith("/reset/"):
            self.h2.reset_stream(stream, int(self.path(stream).rsplit("/", 1)[1]))
        elif self.path(stream) == "/hints":
            self.h2.send_headers(stream, [(":status", "103"), ("link", "</style.css>; rel=preload"), ("x-hint", "one")])
        elif self.path(stream) == "/wait":
            tell("begun", self.path(stream))

    def refuse(self, stream):
        first.remove(self.path(stream))
        self.refused.add(stream)
        tell("refused", self.path(stream))
        self.is_over = self.path(stream).endswith("-and-end")
        if self.path(stream).startswith("/refuse"):
            self.h2.reset_stream(stream, 7)
        else:
            self.send_raw(7, 0, 0, (stream - 2 if stream > 2 else 0).to_bytes(4, "big") + bytes(4))

    def end(self):
        self.peer.shutdown(socket.SHUT_WR)
        while self.peer.recv(65536):
            pass

    def send_more(self, stream):
        while self.unsent[stream] and (window := self.h2.local_flow_control_window(stream)) > 0:
            count = min(window, self.unsent[stream], self.h2.max_outbound_frame_size)
            self.h2.send_data(stream, bytes(count))
            self.unsent[stream] -= count
        if self.unsent[stream]:
            tell("full", stream)
        else:
            del self.unsent[stream]
            self.h2.end_stream(stream)

    def send_raw(self, kind, flags, stream, payload):
        self.peer.sendall(self.h2.data_to_send())
        self.peer.sendall(len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload)

    def answer(self, stream):
        if stream in self.refused:
            return None
        if self.path(stream) == "/much":
            self.unsent[stream] = 10_000_000
            self.h2.send_headers(stream, [(":status", "200")])
            return self.send_more(stream)
        if self.path(stream) == "/odd":
            odd = [(f"x-{number}", "a\x01b" if number == 0 else "a") for number in range(900)]
            self.h2.send_headers(stream, [(":status", "799"), ("content-length", "2"), ("content-length", "2"), *odd])
            return self.h2.send_data(stream, b"ok", end_stream=True)
        if self.path(stream) == "/bad":
            return self.h2.send_headers(stream, [(":status", "200"), ("Bad-Name", "a")], end_stream=True)
        if self.path(stream) == "/early":
            return self.send_raw(0, 0, stream, b"content")
        if self.path(stream).startswith("/body/"):
            self.h2.send_headers(stream, [(":status", self.path(stream).rsplit("/", 1)[1])])
            return self.send_raw(0, 1, stream, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        if self.path(stream).startswith(("/wait", "/reset/")):
            return None
        fields = "".join(f"{name}: {value}\n" for name, value in self.requests[stream])
        self.h2.send_headers(stream, [(":status", "200"), ("content-type", "text/plain")])
        return self.h2.send_data(stream, fields.encode(), end_stream=True)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=512)
tell(listener.getsockname()[1])
while True:
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=Connection(accepted).serve, daemon=True).start()
