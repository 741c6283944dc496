"""A web server with TLS that publishes JSON documents, such as those about OAuth clients. The server under test trusts the
authority that has signed its certificate."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"


class DocumentServer:
    host = HOST

    def __init__(self, port: int, folder: Path) -> None:
        self.url = f"https://{HOST}:{port}"
        self._port = port
        self._documents: dict[str, bytes] = {}
        self._certificate, self._key, self.authority = (folder / name for name in ("web.pem", "web.key", "authority.pem"))
        self._make_certificates()
        self._server: ThreadingHTTPServer | None = None

    def settings(self) -> dict[str, str]:
        """Returns the settings of the server under test."""
        return {"SSL_CERT_FILE": str(self.authority)}

    def publish(self, path: str, document: dict[str, Any], client_id: str | None = None) -> str:
        """Publishes a document about a client, whose id is the address unless another one is given. Returns the address."""
        url = self.url + path
        self._documents[path] = json.dumps(document | {"client_id": client_id or url}).encode()
        return url

    def start(self) -> None:
        documents = self._documents

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = documents.get(self.path)
                self.send_response(200 if body else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, self._port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate, self._key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _make_certificates(self) -> None:
        authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the authority of the checks")])
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
        root = _certificate(authority, authority, authority_key.public_key(), is_authority=True)
        self.authority.write_bytes(_signed(root, authority_key))
        leaf = _certificate(name, authority, key.public_key(), is_authority=False)
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
        self._certificate.write_bytes(_signed(leaf.add_extension(here, critical=False), authority_key))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self._key.write_bytes(key.private_bytes(*form))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, is_authority: bool
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
    limits = x509.BasicConstraints(ca=is_authority, path_length=None)
    return builder.add_extension(limits, critical=True)


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
