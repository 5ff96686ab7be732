#!/usr/bin/env python3
"""Measures hotcore beside nginx and HAProxy, in front of one upstream, in one run.

The load generator and the upstream share the machine's cores with the proxy, so requests a second tell
as much about them as about the proxy. The figure that counts is the CPU time that the proxy's own
processes spend on a request. Rounds are interleaved, so that what else happens on the machine happens
to all alike, and a ratio is taken within each round before its median is.
"""

import argparse
import concurrent.futures
import datetime
import functools
import os
import platform
import re
import resource
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable, NamedTuple

HERE = Path(__file__).resolve().parent
HOTCORE = HERE.parent / "artifacts" / "hotcore"
CONNECTIONS = 64
IDLE_CONNECTIONS = 1000
_, OPEN_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)
# As many as the issue asks for, if a proxy may open so many files, with some left for its upstream.
IDLE_TLS_CONNECTIONS = min(10_000, OPEN_FILES - 1000)
TLS_CLIENTS = 4
HANDSHAKES = 2000
QUICK_HANDSHAKES = 500
LARGE_BODY_BYTES = 100 * 1024
HUGE_BODY_BYTES = 1024 ** 3
QUICK_HUGE_BODY_BYTES = 128 * 1024 ** 2
CHANGES_PER_SECOND = 1000
EVENTS_PER_SECOND = 50
H2_CLIENTS = 16
H2_STREAMS = 16
START_LIMIT_SECONDS = 20
STOP_LIMIT_SECONDS = 5


class Site(NamedTuple):
    """What the clients ask for, and how; the protocol is the one that they offer by ALPN."""

    scheme: str
    domain: str
    protocol: str = "http/1.1"

    @property
    def is_tls(self):
        return self.scheme == "https"

    @property
    def is_h2(self):
        return self.protocol == "h2"


HTTP = Site("http", "bench.localhost")
# wrk takes the server name from the URL, so it has to be one that every machine resolves.
HTTPS = Site("https", "localhost")
H2 = Site("https", "localhost", "h2")


# --- Processes -------------------------------------------------------------------------------------

class Process:
    """One program that this run started, with the processes it forked; ended by stop()."""

    running = []

    def __init__(self, arguments, **options):
        # A session of its own: Ctrl-C reaches this script alone, which then ends all in order. Tied
        # to this script's life: not even `kill -9` on it leaves one behind.
        tied = ["setpriv", "--pdeathsig", "TERM", "--", *map(str, arguments)]
        self.name = Path(arguments[0]).name
        options.setdefault("stdin", subprocess.DEVNULL)
        self.popen = subprocess.Popen(tied, start_new_session=True, text=True, **options)
        Process.running.append(self)

    def pids(self):
        found = [self.popen.pid]
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        return found

    def cpu_seconds(self):
        """CPU time of all processes and threads so far, to the nanosecond.

        From each process's CPU clock (clock_getcpuclockid(3), whose number for a pid is ~pid * 8 + 2):
        it counts threads that have ended too, which a sum over /proc/PID/task would miss, and is not
        rounded to ticks, as /proc/PID/stat is.
        """
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in self.pids())

    def pss_kilobytes(self):
        """Memory of all processes, each shared page divided by the number of those that share it."""
        rollups = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.pids())
        return sum(int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1]) for rollup in rollups)

    def stop(self):
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(STOP_LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                for pid in reversed(self.pids()):
                    os.kill(pid, signal.SIGKILL)
                self.popen.wait()
        if self in Process.running:
            Process.running.remove(self)

    @classmethod
    def stop_all(cls):
        for process in reversed(list(cls.running)):
            process.stop()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def await_listener(process, port):
    deadline = time.monotonic() + START_LIMIT_SECONDS
    while time.monotonic() < deadline:
        if process.popen.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.01)
    sys.exit(f"{process.name} did not start on port {port}.")


# --- The proxies -----------------------------------------------------------------------------------

def configure(template, directory, **values):
    """Fills in a template of bench/peers, and returns where the result is."""
    text = (HERE / "peers" / template).read_text()
    for name, value in {**values, "DIR": directory}.items():
        text = text.replace(f"@{name}@", str(value))
    target = directory / f"{values['PORT']}-{template.removesuffix('.in')}"
    target.write_text(text)
    return target


def start_nginx(directory, port, upstream_port, site):
    return run_nginx(
        directory, port, "nginx.conf.in", UPSTREAM_PORT=upstream_port, DOMAIN=site.domain,
        SSL=" ssl" * site.is_tls + " http2" * site.is_h2,
        TLS=(HERE / "peers" / "nginx-tls.conf.in").read_text() * site.is_tls)


def run_nginx(directory, port, template, **values):
    config = configure(template, directory, PORT=port, **values)
    process = Process(["nginx", "-c", config, "-e", directory / "nginx-start.log"])
    await_listener(process, port)
    return process


def start_upstream(directory):
    (directory / "100k").write_bytes(b"x" * LARGE_BODY_BYTES)
    for name, length in (("huge", HUGE_BODY_BYTES), ("quick-huge", QUICK_HUGE_BODY_BYTES)):
        # A hole: as long as it says, and nowhere on the disk.
        with open(directory / name, "wb") as file:
            file.truncate(length)
    port = free_port()
    run_nginx(directory, port, "upstream.conf.in")
    return port


def start_haproxy(directory, port, upstream_port, site):
    config = configure(
        "haproxy.cfg.in", directory, PORT=port, UPSTREAM_PORT=upstream_port, SCHEME=site.scheme, DOMAIN=site.domain,
        SSL=" ssl crt @DIR@/localhost.pem" * site.is_tls + " alpn h2,http/1.1" * site.is_h2)
    process = Process(["haproxy", "-db", "-q", "-f", config])
    await_listener(process, port)
    return process


def start_hotcore(directory, port, upstream_port, site):
    data = directory / f"hotcore-{port}"
    if site.is_tls:
        # The certificate lies there as if placed by hand. No CA is asked, least of all a real one.
        (data / "certificates").mkdir(0o700, parents=True)
        shutil.copy(directory / "localhost.pem", data / "certificates")
        mode = ["--http-port", 0, "--https-port", port, "--acme-directory", "http://127.0.0.1:1/dir"]
    else:
        mode = ["--local", "--http-port", port, "--https-port", 0]
    said = directory / "hotcore.stderr"
    with open(said, "w", encoding="utf-8") as log:
        process = Process(
            [HOTCORE, "serve", "--data", data, "--bind", "127.0.0.1", "--control-port", 0, *mode],
            stdout=subprocess.PIPE, stderr=log)
    process.control_port = await_hotcore(process, said)
    send_command(process.control_port, f"add {site.domain} {upstream_port}")
    if site.is_tls:
        await_certificate(process.control_port, site.domain)
    return process


def await_certificate(control_port, domain):
    deadline = time.monotonic() + START_LIMIT_SECONDS
    while "certificate valid" not in (status := send_command(control_port, f"status {domain}", domain)):
        if time.monotonic() > deadline:
            sys.exit(f"hotcore does not use the certificate: {status}")
        time.sleep(0.05)


def await_hotcore(process, said):
    """Reads what hotcore prints until it is ready, and returns its control port."""
    control_port = None
    for line in process.popen.stdout:
        if control := re.match(r"control +127\.0\.0\.1:(\d+)$", line):
            control_port = int(control[1])
        if line == "ready\n":
            return control_port
    sys.exit(f"hotcore did not start: {said.read_text()}")


def send_command(control_port, command, expected="ok"):
    """Sends one message to hotcore and returns the reply, which has to begin as expected."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        control.settimeout(2)
        control.connect(("127.0.0.1", control_port))
        control.send(command.encode())
        reply = control.recv(65536).decode()
    if not reply.startswith(expected):
        sys.exit(f"hotcore answered '{command}' with: {reply}")
    return reply


def make_certificate(directory):
    """One certificate for all proxies, EC P-256, self-signed; certificate and key in one file, and the former alone."""
    certificate, key = directory / "localhost.crt", directory / "localhost.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90",
         "-subj", f"/CN={HTTPS.domain}", "-addext", f"subjectAltName=DNS:{HTTPS.domain}",
         "-out", certificate, "-keyout", key],
        check=True, capture_output=True)
    both = directory / "localhost.pem"
    both.touch(0o600)
    both.write_text(certificate.read_text() + key.read_text())


START = {"hotcore": start_hotcore, "nginx": start_nginx, "haproxy": start_haproxy}
NAMES = {"hotcore": "hotcore", "nginx": "nginx", "haproxy": "HAProxy"}
VERSIONS = {
    "hotcore": ([HOTCORE, "version"], r"(\d+\.\d+\.\d+\S*)"),
    "nginx": (["nginx", "-v"], r"nginx/(\S+)"),
    "haproxy": (["haproxy", "-v"], r"version (\d+\.\d+\.\d+)"),
    "wrk": (["wrk", "-v"], r"wrk \D*(\d+\.\d+\.\d+)"),
    "h2load": (["h2load", "--version"], r"nghttp2/(\S+)"),
    "curl": (["curl", "--version"], r"curl (\d+\.\d+\.\d+)"),
}


def start_proxies(bench, site):
    """Starts each proxy in front of the upstream; returns name → (process, port)."""
    if site.is_tls:
        make_certificate(bench.directory)
    started = {}
    for name in bench.proxies:
        port = free_port()
        started[name] = (START[name](bench.directory, port, bench.upstream_port, site), port)
        with open_connection(port) as connection:
            if site.is_tls:
                # Without ALPN, and so over HTTP/1.1.
                context = ssl.create_default_context(cafile=bench.directory / "localhost.crt")
                connection = context.wrap_socket(connection, server_hostname=site.domain)
                check_tls(name, connection)
            check_forwarded_fields(name, connection, site)
            connection.close()
        if site.is_h2:
            check_h2(name, port, bench.directory, site)
    return started


def check_h2(name, port, directory, site):
    """The work has to be the same over HTTP/2 too."""
    finished = run_curl(directory, port, site, "/fields")
    expected = fields_of(site)
    if finished != expected:
        sys.exit(f"{NAMES[name]} forwards other fields over HTTP/2.\n  expected: {expected}\n  received: {finished}")


def run_curl(directory, port, site, path, *options):
    """What curl prints of one GET over HTTP/2."""
    finished = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", "--http2", "--cacert", directory / "localhost.crt", "--resolve",
         f"{site.domain}:{port}:127.0.0.1", "-H", f"Host: {site.domain}", "-w", "%{stderr}HTTP/%{http_version}", *options,
         f"https://{site.domain}:{port}{path}"],
        capture_output=True, text=True, check=False)
    if finished.returncode != 0 or finished.stderr != "HTTP/2":
        sys.exit(f"curl failed: {finished.stderr}")
    return finished.stdout.strip()


def check_tls(name, connection):
    """The work has to be the same: every proxy agrees on the same version and suite."""
    agreed = f"{connection.version()} {connection.cipher()[0]}"
    if agreed != "TLSv1.3 TLS_AES_128_GCM_SHA256":
        sys.exit(f"{NAMES[name]} agrees on {agreed}.")


def check_forwarded_fields(name, connection, site):
    """The work has to be the same: every proxy sets the same fields, and hands on none for the hop."""
    expected = fields_of(site)
    answer = get(connection, "/fields", site).strip()
    if answer != expected:
        sys.exit(f"{NAMES[name]} forwards other fields than it should.\n  expected: {expected}\n  received: {answer}")


def fields_of(site):
    """What the upstream's /fields tells of the request that a proxy has to make of a client's."""
    return f"host={site.domain} for=127.0.0.1 proto={site.scheme} forwarded-host={site.domain}" \
           " real-ip=127.0.0.1 connection="


def open_connection(port):
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def get(connection, path, site):
    """One GET on a kept-alive connection; returns the body of a response with a Content-Length."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {site.domain}\r\n\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received:
        received += receive(connection)
    head, body = received.split(b"\r\n\r\n", 1)
    length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
    while len(body) < length:
        body += receive(connection)
    return body.decode()


def receive(connection):
    data = connection.recv(65536)
    if not data:
        sys.exit("A proxy closed a connection in the middle of a response.")
    return data


# --- Scenarios -------------------------------------------------------------------------------------

class Bench(NamedTuple):
    """What a scenario measures, and where."""

    options: argparse.Namespace
    proxies: list[str]
    directory: Path
    upstream_port: int


def measure_load(bench, site, path, script=None):
    """Rounds of wrk or h2load against each proxy in turn; returns name → list of one dict a round."""
    options = bench.options
    run = run_h2load if site.is_h2 else functools.partial(run_wrk, script=script)
    proxies = start_proxies(bench, site)
    for name, proxy in proxies.items():
        run(name, *proxy, site, path, options.warm_up)
    results = {name: [] for name in proxies}
    order = list(proxies)
    for number in range(options.rounds):
        for name in order:
            measured = run(name, *proxies[name], site, path, options.seconds)
            results[name].append(measured)
            print(f"  round {number + 1}  {NAMES[name]:8}  {measured['cpu']:6.1f} µs/request"
                  f"  {measured['rate']:8.0f} requests/s", flush=True)
        # Nobody always comes right after the same neighbour, or always first.
        order.append(order.pop(0))
    return results


def run_wrk(name, process, port, site, path, seconds, script=None):
    address = site.domain if site.is_tls else "127.0.0.1"
    output, cpu, pss = run_load(name, process, seconds, [
        "wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-H", f"Host: {site.domain}",
        *(["-s", script] if script else []), f"{site.scheme}://{address}:{port}{path}"])
    if errors := re.search(r"Non-2xx.*|Socket errors.*", output):
        sys.exit(f"{NAMES[name]}: {errors[0]}")
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)\n", output)
    if "nan" in output or not p99:
        # Now and then wrk loses its own statistics in a round; such a round is measured again.
        return run_wrk(name, process, port, site, path, seconds, script)
    requests = int(re.search(r"(\d+) requests in", output)[1])
    return {
        "cpu": cpu / requests * 1e6,
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]),
        "latency": milliseconds(p99),
        "pss": pss,
    }


def run_h2load(name, process, port, site, path, seconds):
    output, cpu, pss = run_load(name, process, seconds, [
        "h2load", "--threads=2", f"--clients={H2_CLIENTS}", f"--max-concurrent-streams={H2_STREAMS}",
        f"--duration={seconds}", f"--npn-list={site.protocol}", f"--connect-to=127.0.0.1:{port}",
        f"--header=:authority: {site.domain}", f"https://{site.domain}:{port}{path}"])
    succeeded = re.search(r"(\d+) succeeded, 0 failed, 0 errored, 0 timeout", output)
    statuses = re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", output)
    if not succeeded or not statuses or "Application protocol: h2" not in output:
        sys.exit(f"{NAMES[name]}: not every request succeeded over HTTP/2:\n{output}")
    return {
        "cpu": cpu / int(succeeded[1]) * 1e6,
        "rate": float(re.search(r"finished in .*, ([\d.]+) req/s", output)[1]),
        # Least, most and mean.
        "latency": milliseconds(re.search(r"time for request: +\S+ +\S+ +([\d.]+)(us|ms|s) ", output)),
        "pss": pss,
    }


def milliseconds(match):
    """A number and its unit, as load generators print them."""
    return float(match[1]) * {"us": 0.001, "ms": 1, "s": 1000}[match[2]]


def run_load(name, process, seconds, arguments):
    """What the load generator printed, and what the proxy spent meanwhile: CPU seconds, and MB at half time."""
    pss = []
    # In the middle of the load, and once: reading it holds up the process that is read.
    sampler = threading.Timer(seconds / 2, lambda: pss.append(process.pss_kilobytes()))
    cpu_before = process.cpu_seconds()
    load = Process(arguments, stdout=subprocess.PIPE)
    sampler.start()
    try:
        output = load.popen.communicate()[0]
    finally:
        sampler.cancel()
        load.stop()
    if process.popen.poll() is not None:
        sys.exit(f"{NAMES[name]} ended under load, with exit code {process.popen.returncode}.")
    return output, process.cpu_seconds() - cpu_before, pss[0] / 1024


def measure_downloads(bench):
    """Rounds of one download over one HTTP/2 stream from each proxy in turn; returns name → list of one dict a round."""
    quick = bench.options.quick
    path, length = ("/quick-huge", QUICK_HUGE_BODY_BYTES) if quick else ("/huge", HUGE_BODY_BYTES)
    proxies = start_proxies(bench, H2)
    results = {name: [] for name in proxies}
    order = list(proxies)
    for number in range(-1, bench.options.rounds):
        for name in order:
            process, port = proxies[name]
            cpu_before = process.cpu_seconds()
            told = run_curl(bench.directory, port, H2, path, "-o", "/dev/null", "-w",
                            "%{stderr}HTTP/%{http_version}%{stdout}%{size_download} %{time_total}")
            cpu = process.cpu_seconds() - cpu_before
            size, seconds = told.split()
            if int(size) != length:
                sys.exit(f"{NAMES[name]} sent {size} of {length} bytes.")
            if number < 0:
                continue  # The warm-up.
            results[name].append({"seconds": float(seconds), "cpu": cpu, "pss": process.pss_kilobytes() / 1024})
            print(f"  round {number + 1}  {NAMES[name]:8}  {float(seconds):6.2f} s  {cpu:6.2f} s of CPU", flush=True)
        order.append(order.pop(0))
    return results


class TlsClients:
    """Several processes of tls_client.py, which do their work together; what they do follows its protocol."""

    def __init__(self, bench, kind, port, count):
        shares = [count // TLS_CLIENTS + (number < count % TLS_CLIENTS) for number in range(TLS_CLIENTS)]
        self.processes = [
            Process([sys.executable, HERE / "tls_client.py", kind, port, share, bench.directory / "localhost.crt"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for share in shares]
        self._expect("ready")

    def work(self):
        self._tell()
        self._expect("done")

    def count_open(self):
        self._tell()
        return sum(int(self._read(process)) for process in self.processes)

    def stop(self):
        for process in self.processes:
            process.stop()

    def _tell(self):
        for process in self.processes:
            process.popen.stdin.write("\n")
            process.popen.stdin.flush()

    def _expect(self, word):
        for process in self.processes:
            if self._read(process) != word:
                sys.exit("A TLS client failed.")

    @staticmethod
    def _read(process):
        return process.popen.stdout.readline().strip() or sys.exit("A TLS client failed.")


def measure_handshakes(bench):
    """Rounds of handshakes with each proxy in turn; returns kind → name → list of one dict a round."""
    count = QUICK_HANDSHAKES if bench.options.quick else HANDSHAKES
    proxies = start_proxies(bench, HTTPS)
    results = {kind: {name: [] for name in proxies} for kind in ("full", "resumed")}
    order = list(proxies)
    for number in range(-1, bench.options.rounds):
        for kind, of_kind in results.items():
            for name in order:
                cpu = run_handshakes(bench, kind, count, *proxies[name])
                if number < 0:
                    continue  # The warm-up.
                of_kind[name].append({"cpu": cpu})
                print(f"  round {number + 1}  {NAMES[name]:8}  {cpu:6.1f} µs/handshake, {kind}", flush=True)
        order.append(order.pop(0))
    return results


def run_handshakes(bench, kind, count, process, port):
    """The CPU time of the proxy for one handshake, from accept to close, in microseconds."""
    clients = TlsClients(bench, kind, port, count)
    try:
        cpu_before = process.cpu_seconds()
        clients.work()
        return (process.cpu_seconds() - cpu_before) / count * 1e6
    finally:
        clients.stop()


def measure_idle(bench):
    """Memory of fresh processes, and with many connections that have had one request each and wait."""
    results = {}
    for name, (process, port) in start_proxies(bench, HTTP).items():
        fresh = process.pss_kilobytes()
        connections = [open_connection(port) for _ in range(IDLE_CONNECTIONS)]
        try:
            for connection in connections:
                get(connection, "/", HTTP)
            time.sleep(1)
            loaded = process.pss_kilobytes()
        finally:
            for connection in connections:
                connection.close()
        results[name] = {"fresh": fresh / 1024, "loaded": loaded / 1024, "each": (loaded - fresh) / IDLE_CONNECTIONS}
        print(f"  {NAMES[name]:8}  {fresh / 1024:5.1f} MB fresh, {loaded / 1024:5.1f} MB with idle connections", flush=True)
    return results


def measure_idle_tls(bench):
    """The same over TLS."""
    results = {}
    for name, (process, port) in start_proxies(bench, HTTPS).items():
        fresh = process.pss_kilobytes()
        clients = TlsClients(bench, "idle", port, IDLE_TLS_CONNECTIONS)
        try:
            clients.work()
            time.sleep(1)
            loaded = process.pss_kilobytes()
            if (still_open := clients.count_open()) < IDLE_TLS_CONNECTIONS:
                sys.exit(f"{NAMES[name]} holds {still_open} of {IDLE_TLS_CONNECTIONS} idle connections.")
        finally:
            clients.stop()
        results[name] = {"fresh": fresh / 1024, "loaded": loaded / 1024, "each": (loaded - fresh) / IDLE_TLS_CONNECTIONS}
        print(f"  {NAMES[name]:8}  {fresh / 1024:5.1f} MB fresh, {loaded / 1024:5.1f} MB with idle connections", flush=True)
    return results


def measure_promptness(bench):
    """How soon messages are answered and events passed on while wrk keeps the cores busy; returns what → milliseconds each."""
    process, port = start_proxies(bench, HTTP)["hotcore"]
    # The bench's own threads have to get the interpreter in turn, and soon.
    sys.setswitchinterval(0.0005)
    seconds = bench.options.seconds
    results = {"reply to a change of the mappings": [], "event of a stream": []}
    with concurrent.futures.ThreadPoolExecutor() as threads, socket.create_server(("127.0.0.1", 0)) as app:
        send_command(process.control_port, f"add events.localhost {app.getsockname()[1]}")
        for number in range(bench.options.rounds):
            load = threads.submit(run_wrk, "hotcore", process, port, HTTP, "/", seconds)
            sending = threads.submit(send_events, app, seconds)
            measured = [threads.submit(time_replies, threads, process.control_port, seconds), threads.submit(time_events, port)]
            for what, delays in zip(results, measured):
                results[what] += delays.result()
            sending.result()
            rate = load.result()["rate"]
            slowest = ", ".join(f"{what} {max(delays):.1f} ms" for what, delays in results.items())
            print(f"  round {number + 1}  {rate:8.0f} requests/s beside; slowest so far: {slowest}", flush=True)
    return results


def time_replies(threads, control_port, seconds):
    """Sends changes at their times, whether those before are answered or not; returns how many milliseconds each reply took."""
    sent = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        control.settimeout(2)
        control.connect(("127.0.0.1", control_port))
        receiving = threads.submit(receive_replies, control, sent, CHANGES_PER_SECOND * seconds)
        started = time.monotonic()
        for number in range(CHANGES_PER_SECOND * seconds):
            time.sleep(max(0, started + number / CHANGES_PER_SECOND - time.monotonic()))
            change = f"change{number % 2000}.localhost {10_000 + number // 2000}"
            sent[f"ok {change}"] = time.monotonic()
            control.send(f"add {change}".encode())
        return receiving.result()


def receive_replies(control, sent, count):
    delays = []
    while len(delays) < count:
        try:
            reply = control.recv(65536).decode()
        except TimeoutError:
            sys.exit(f"{count - len(delays)} of {count} changes were not answered.")
        delays.append((time.monotonic() - sent.pop(reply)) * 1000)
    return delays


def send_events(app, seconds):
    """An app that serves one event stream; each event is the time at which it was sent."""
    connection, _ = app.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for _ in range(EVENTS_PER_SECOND * seconds):
            time.sleep(1 / EVENTS_PER_SECOND)
            connection.sendall(f"data: {time.monotonic()}\n\n".encode())


def time_events(port):
    """Receives that stream; returns how many milliseconds each event was on its way."""
    delays = []
    with open_connection(port) as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: events.localhost\r\n\r\n")
        for line in connection.makefile():
            if line.startswith("data: "):
                delays.append((time.monotonic() - float(line[6:])) * 1000)
            elif line.startswith("0"):
                return delays
    sys.exit("The event stream broke off.")


# --- The report ------------------------------------------------------------------------------------

def median_of(rounds, figure):
    return statistics.median(one[figure] for one in rounds)


def write_table(header, rows):
    line = "| " + " | ".join(header) + " |"
    rule = "|---|" + "---:|" * (len(header) - 1)
    return "\n".join([line, rule, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def write_load(results, latency="p99 ms"):
    rows = []
    for name, rounds in results.items():
        cpu = [one["cpu"] for one in rounds]
        rows.append([
            NAMES[name], f"{statistics.median(cpu):.1f}", f"{min(cpu):.1f}–{max(cpu):.1f}",
            f"{median_of(rounds, 'rate'):,.0f}", f"{median_of(rounds, 'latency'):.2f}",
            f"{max(one['pss'] for one in rounds):.1f}"])
    header = ["proxy", "CPU µs/request", "lowest–highest", "requests/s", latency, "peak memory MB"]
    return write_table(header, rows) + write_ratios(results)


def write_posts(results, connections):
    text = ("Each carries 100 bytes. A connection to the app that carried a body serves one client alone, and ends with it: with\n"
            f"{connections}, that is what it costs.\n\n")
    return text + write_load(results)


def write_h2_load(results):
    text = (f"h2load drives {H2_CLIENTS} connections with {H2_STREAMS} streams each, from 2 threads, over TLS. It tells the\n"
            "mean of the latencies alone.\n\n")
    return text + write_load(results, "mean ms")


def write_downloads(results):
    text = "One GET by curl, which throws away what it gets; the upstream sends from memory.\n\n"
    rows = []
    for name, rounds in results.items():
        seconds = [one["seconds"] for one in rounds]
        rows.append([
            NAMES[name], f"{statistics.median(seconds):.2f}", f"{min(seconds):.2f}–{max(seconds):.2f}",
            f"{median_of(rounds, 'cpu'):.2f}", f"{max(one['pss'] for one in rounds):.1f}"])
    text += write_table(["proxy", "seconds", "lowest–highest", "CPU seconds", "memory after it MB"], rows)
    text += write_ratios(results, "download", "seconds", "takes {:.2f}× {}'s time")
    return text + write_ratios(results, "download").lstrip()


def write_handshakes(results):
    text = ("One connection each: accept, handshake, tickets, an orderly close; no request. Nothing is subtracted. The\n"
            "client is [tls_client.py](tls_client.py), because wrk resumes sessions and thus makes no full handshakes.\n\n")
    rows = []
    for kind, of_kind in results.items():
        for name, rounds in of_kind.items():
            cpu = [one["cpu"] for one in rounds]
            rows.append([f"{NAMES[name]}, {kind}", f"{statistics.median(cpu):.1f}", f"{min(cpu):.1f}–{max(cpu):.1f}"])
    text += write_table(["proxy, TLS 1.3 handshake", "CPU µs/handshake", "lowest–highest"], rows)
    ratios = (write_ratios(of_kind, f"{kind} handshake").lstrip() for kind, of_kind in results.items())
    return f"{text}\n{''.join(ratios)}"


def write_promptness(results):
    text = (f"hotcore alone: {CHANGES_PER_SECOND:,} changes of the mappings a second, each on the disk before it is answered, and a\n"
            f"stream of {EVENTS_PER_SECOND} events a second, while wrk does what it can beside them.\n\n")
    rows = []
    for what, delays in results.items():
        delays = sorted(delays)
        rows.append([what, f"{len(delays):,}", f"{statistics.median(delays):.2f}",
                     f"{delays[len(delays) * 99 // 100]:.2f}", f"{delays[-1]:.2f}"])
    return text + write_table(["from sent to received", "how many", "median ms", "p99 ms", "slowest ms"], rows)


def write_ratios(results, unit="request", figure="cpu", sentence="spends {:.2f}× {}'s CPU"):
    if "hotcore" not in results:
        return ""
    text = "\n"
    for peer in (name for name in results if name != "hotcore"):
        ratios = [ours[figure] / theirs[figure] for ours, theirs in zip(results["hotcore"], results[peer])]
        text += f"- hotcore {sentence.format(statistics.median(ratios), NAMES[peer])} per {unit}" \
                f" (rounds: {min(ratios):.2f}–{max(ratios):.2f}).\n"
    return text


def write_idle(results, count):
    rows = [[NAMES[name], f"{one['fresh']:.1f}", f"{one['loaded']:.1f}", f"{one['each']:.1f}"]
            for name, one in results.items()]
    table = write_table(["proxy", "fresh MB", f"with {count:,} idle MB", "KB per connection"], rows)
    if "hotcore" not in results:
        return table
    ratios = (f"- hotcore takes {results['hotcore']['each'] / one['each']:.2f}× {NAMES[name]}'s memory per connection.\n"
              for name, one in results.items() if name != "hotcore")
    return f"{table}\n{''.join(ratios)}"


def find_version(program):
    command, pattern = VERSIONS[program]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, ran.stdout + ran.stderr)
    return found[1] if found else "unknown"


def describe_machine():
    model = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    kernel = re.match(r"[\d.]+\d", platform.release())
    return (f"{os.cpu_count()} cores ({model[1] if model else platform.machine()}), "
            f"Linux {kernel[0] if kernel else platform.release()}")


def write_report(options, sections):
    versions = ", ".join(f"{NAMES.get(name, name)} {find_version(name)}" for name in [*options.proxies, "wrk", "h2load", "curl"])
    return f"""# Measurements

Written by `make bench` on {datetime.date.today().isoformat()}.

- Machine: {describe_machine()}.
- Versions: {versions}.
- Method: each proxy stands in front of the same upstream, on loopback, sets the same forwarded fields and
  keeps connections alive on both sides; peers are configured as in [peers/](peers). wrk drives
  {CONNECTIONS} connections from 2 threads, unless a section says otherwise. {options.rounds} rounds of {options.seconds} s each, interleaved, after a
  warm-up of {options.warm_up} s.
- Over HTTPS all have the same certificate (EC P-256), and agree on TLS 1.3, X25519 and
  TLS_AES_128_GCM_SHA256. Tickets are on everywhere; nginx has a shared session cache too.
- CPU is the time that all processes and threads of the proxy spend, in user space and in the kernel. wrk
  and the upstream share the cores with the proxy, so CPU per request is the figure to go by; requests/s
  and latency are those of the crowded machine.
- Figures are medians over the rounds; a ratio is taken in each round, then its median.
- Memory is the highest PSS seen under load: a page that several processes share is divided among them. The
  upstream is an nginx too, which flatters nginx here: its program's pages count half.

{''.join(f"## {title}{chr(10)}{chr(10)}{text}{chr(10)}" for title, text in sections)}## To repeat

    apt-get install nginx-light haproxy wrk nghttp2-client curl openssl
    make bench

`bench/run.py --help` tells the shorter ways.
"""


class Scenario(NamedTuple):
    """One section of the report."""

    title: str
    proxies: list[str]
    measure: Callable[[Bench], str]


ALL = list(START)
SCENARIOS = {
    "small-get": Scenario(
        "Small GET, kept alive", ALL, lambda bench: write_load(measure_load(bench, HTTP, "/"))),
    "small-post": Scenario(
        "Small POST, kept alive", ALL,
        lambda bench: write_posts(measure_load(bench, HTTP, "/", HERE / "post.lua"), "clients that stay")),
    "new-post": Scenario(
        "Small POST, a connection each", ALL,
        lambda bench: write_posts(measure_load(bench, HTTP, "/", HERE / "new-post.lua"), "clients that leave after it")),
    "large-get": Scenario(
        "GET of 100 KB, kept alive", ALL, lambda bench: write_load(measure_load(bench, HTTP, "/100k"))),
    "https-get": Scenario(
        "Small GET over HTTPS, kept alive", ALL, lambda bench: write_load(measure_load(bench, HTTPS, "/"))),
    "h2-get": Scenario(
        "Small GET over HTTP/2", ALL, lambda bench: write_h2_load(measure_load(bench, H2, "/"))),
    "h2-download": Scenario(
        "Download of 1 GB over one HTTP/2 stream", ["hotcore", "nginx"],
        lambda bench: write_downloads(measure_downloads(bench))),
    "handshakes": Scenario(
        "TLS handshakes", ["hotcore", "nginx"], lambda bench: write_handshakes(measure_handshakes(bench))),
    "promptness": Scenario(
        "Messages and events under load", ["hotcore"], lambda bench: write_promptness(measure_promptness(bench))),
    "idle": Scenario(
        f"{IDLE_CONNECTIONS:,} idle connections", ALL,
        lambda bench: write_idle(measure_idle(bench), IDLE_CONNECTIONS)),
    "idle-tls": Scenario(
        f"{IDLE_TLS_CONNECTIONS:,} idle TLS connections", ["hotcore", "nginx"],
        lambda bench: write_idle(measure_idle_tls(bench), IDLE_TLS_CONNECTIONS)),
}


# --- The command line ------------------------------------------------------------------------------

def parse_options():
    parser = argparse.ArgumentParser(description="Measures hotcore beside nginx and HAProxy.")
    parser.add_argument("--proxies", type=lambda text: text.split(","), default=list(START),
                        help="which to measure, separated by commas (default: all)")
    parser.add_argument("--only", choices=SCENARIOS, help="measure one scenario alone")
    parser.add_argument("--quick", action="store_true", help="rounds of 1 second: a look, not a measurement")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each scenario (default: %(default)s)")
    parser.add_argument("--output", type=Path,
                        help="where to write the report (default: bench/RESULTS.md for a full run, nowhere for a part)")
    options = parser.parse_args()
    if unknown := set(options.proxies) - START.keys():
        parser.error(f"no such proxy: {', '.join(unknown)} (there are: {', '.join(START)})")
    options.seconds = 1 if options.quick else 5
    options.warm_up = 2 if options.quick else 5
    if options.quick:
        options.rounds = min(options.rounds, 3)
    if options.only and not set(options.proxies) & set(SCENARIOS[options.only].proxies):
        parser.error(f"{options.only} measures only: {', '.join(SCENARIOS[options.only].proxies)}")
    is_full = not options.quick and not options.only and set(options.proxies) == START.keys()
    if is_full and options.output is None:
        options.output = HERE / "RESULTS.md"
    return options


def check_needs(options):
    missing = [name for name in ("nginx", "haproxy", "wrk", "h2load", "curl", "setpriv", "openssl") if not shutil.which(name)]
    if missing:
        sys.exit(f"Not found: {', '.join(missing)}. Run: apt-get install nginx-light haproxy wrk nghttp2-client curl"
                 " util-linux openssl")
    if "hotcore" in options.proxies and not HOTCORE.exists():
        sys.exit(f"Not found: {HOTCORE}. Run: make build")


def main():
    options = parse_options()
    check_needs(options)
    # A signal takes the same way out as Ctrl-C: through the finally below.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    sections = []
    for name in [options.only] if options.only else SCENARIOS:
        title, possible, measure = SCENARIOS[name]
        proxies = [proxy for proxy in options.proxies if proxy in possible]
        if not proxies:
            continue
        print(title, flush=True)
        with tempfile.TemporaryDirectory(prefix="hotcore-bench-") as directory:
            # nginx started by root gives up its rights, and has to read here all the same.
            os.chmod(directory, 0o755)
            try:
                bench = Bench(options, proxies, Path(directory), start_upstream(Path(directory)))
                sections.append((title, measure(bench)))
            finally:
                Process.stop_all()
        print(f"\n{sections[-1][1]}", flush=True)
    if options.output:
        options.output.write_text(write_report(options, sections))
        print(f"written: {options.output}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
