#!/usr/bin/env python3
"""The client of the HTTPS scenarios that wrk cannot drive; run.py starts several of them.

    tls_client.py full|resumed|idle PORT COUNT CERTIFICATE

It says `ready` when it has made its preparations, begins when it reads a line, says what it did, and ends
when it reads another line or its input ends. Only what the proxy spends meanwhile counts, so it does not
matter that this is slow.
"""

import select
import socket
import ssl
import sys

SERVER_NAME = "localhost"
LIMIT_SECONDS = 30


def open_tls(context, port, session=None):
    connection = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_SECONDS)
    # As curl, browsers and wrk do; else the client itself may wait 40 ms before its close_notify.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(connection, server_hostname=SERVER_NAME, session=session)


def get(connection):
    """One small GET; the tickets of TLS 1.3 come before its response, and have been read then."""
    connection.sendall(f"GET / HTTP/1.1\r\nHost: {SERVER_NAME}\r\n\r\n".encode())
    received = b""
    while not received.endswith(b"\r\n\r\nhello\n"):
        data = connection.recv(65536)
        if not data or len(received) > 65536:
            sys.exit(f"Not the expected response: {received!r}")
        received += data


def take_session(context, port):
    with open_tls(context, port) as connection:
        get(connection)
        return connection.session


def shake_hands(context, port, session):
    """One handshake without a request, with an orderly close, in which the server's tickets are read."""
    with open_tls(context, port, session) as connection:
        if connection.version() != "TLSv1.3" or connection.session_reused != (session is not None):
            sys.exit(f"Not the expected handshake: {connection.version()}, reused: {connection.session_reused}")
        try:
            connection.unwrap().close()
        except OSError:
            pass  # Whoever gets a close_notify need not answer it (RFC 8446, 6.1).


def say(text):
    print(text, flush=True)


def measure_handshakes(context, port, count, is_resumed):
    session = take_session(context, port) if is_resumed else None
    say("ready")
    sys.stdin.readline()
    for _ in range(count):
        shake_hands(context, port, session)
    say("done")
    sys.stdin.readline()


def hold_idle(context, port, count):
    say("ready")
    sys.stdin.readline()
    held = []
    poll = select.poll()
    for _ in range(count):
        held.append(open_tls(context, port))
        get(held[-1])
        poll.register(held[-1], select.POLLIN)
    say("done")
    sys.stdin.readline()
    # Nothing is left to read on an idle connection, unless the proxy has closed it.
    say(count - len(poll.poll(0)))


def main():
    kind, port, count, certificate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    context = ssl.create_default_context(cafile=certificate)
    if kind == "idle":
        hold_idle(context, port, count)
    else:
        measure_handshakes(context, port, count, kind == "resumed")


if __name__ == "__main__":
    try:
        main()
    except OSError as failure:
        sys.exit(f"The TLS client failed: {failure}")
