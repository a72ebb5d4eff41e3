"""Stand-ins can cut connections, speak TLS and stop at once."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask

from standins.jira import JiraStandin
from standins.server import dropped, serve


def _app_cutting(answer: Any) -> Flask:
    app = Flask("cutting")
    app.add_url_rule("/", view_func=answer)
    return app


def test_a_cut_answer_is_a_reset_or_a_plain_close_on_the_wire() -> None:
    for reset in (True, False):
        app = _app_cutting(lambda reset=reset: dropped(reset=reset))
        with serve(app) as server, socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            if reset:
                with pytest.raises(ConnectionResetError):
                    raw.recv(100)
            else:
                assert raw.recv(100) == b""


def test_an_answer_can_be_cut_in_its_middle() -> None:
    with serve(_app_cutting(lambda: dropped(b'{"id": "1', reset=False))) as server:
        answer = requests.get(server.url, timeout=5, stream=True)
        assert answer.status_code == 200
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            _ = answer.content


def test_a_silent_client_does_not_block_a_tls_server(tls_files: tuple[str, str]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls_files)
    with JiraStandin().serve(ssl_context=context) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5):
            answer = requests.get(server.url + "/_edge/tenant_info", timeout=5, verify=tls_files[0])
        assert (answer.status_code, server.url[:8]) == (200, "https://")


@pytest.fixture
def tls_files(tmp_path: Path) -> tuple[str, str]:
    """A certificate for 127.0.0.1 and its key, in files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().issuer_name(name).subject_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(hours=1))
    signed = builder.not_valid_after(now + dt.timedelta(days=1)).add_extension(address, critical=False)
    certificate = signed.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (tmp_path / "cert.pem").write_bytes(certificate)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(private)
    return str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")


def test_a_stopped_server_frees_its_port() -> None:
    jira = JiraStandin()
    server = jira.serve()
    server.stop()
    server.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=2)
    with jira.serve(server.port) as again:
        assert requests.get(again.url, timeout=5).status_code == 200
