"""A small server on a real socket that misbehaves as told, and certificates for it."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def answer(status, body=b"", *headers):
    """The bytes of an HTTP answer."""
    lines = [f"HTTP/1.1 {status} X".encode(), b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def read_request(conn):
    """One whole request as bytes; b"" when the other side closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = conn.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += conn.recv(65536)
    return head + b"\r\n\r\n" + body


class RawServer:
    """Serves each connection with `handler(conn, server)` in a thread of its own.

    `connections` counts accepted ones (after TLS, where there is TLS), `requests` keeps what handlers put there.
    """

    def __init__(self, handler, *, tls=None, host="127.0.0.1"):
        self.handler = handler
        self.tls = tls
        self.connections = 0
        self.requests = []
        self.stopping = threading.Event()
        self._socket = socket.create_server((host, 0))
        self.port = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._open = []

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for conn in self._open:
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(5)

    def _accept(self):
        while True:
            try:
                conn, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(conn,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, conn):
        try:
            if self.tls:
                conn = self.tls.wrap_socket(conn, server_side=True)
            self._open.append(conn)
            self.connections += 1
            self.handler(conn, self)
        except OSError:
            pass
        finally:
            conn.close()


def keep_alive(*answers):
    """A handler that gives these answers in turn (the last one for ever), on any number of connections."""
    state = {"given": 0}

    def handle(conn, server):
        while request := read_request(conn):
            server.requests.append(request)
            reply = answers[min(state["given"], len(answers) - 1)]
            state["given"] += 1
            conn.sendall(reply)

    return handle


def once(data):
    """A handler that reads the request, sends these bytes and closes."""

    def handle(conn, server):
        server.requests.append(read_request(conn))
        conn.sendall(data)

    return handle


def make_certificate(folder, names, *, issuer=None, ca=False, days=(-1, 30)):
    """A certificate with its key in one PEM file: (path, certificate, key). Without an issuer it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    issued_by, signing_key = (issuer[1].subject, issuer[2]) if issuer else (subject, key)
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issued_by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_san(name) for name in names]), critical=False)
    )
    certificate = builder.sign(signing_key, hashes.SHA256())
    path = folder / f"{names[0]}-{certificate.serial_number}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path, certificate, key


def _san(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def server_tls(path, *, maximum=None):
    """TLS settings of a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    if maximum:
        context.maximum_version = maximum
    return context
