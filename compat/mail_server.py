"""A real mail server (aiosmtpd) in its own thread, and its mail as a mail program reads it."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

from aiosmtpd.controller import Controller

HOST = "127.0.0.1"
UNKNOWN = "nobody"  # The server refuses addresses that begin with this.
LINK = re.compile(r"https?://[^\s<>\"]+")


@dataclass(frozen=True)
class Letter:
    """A received mail."""

    sender: str
    receivers: list[str]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return self.message["Subject"]

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        (part,) = (part for part in self.message.walk() if part.get_content_type() == f"text/{kind}")
        return part.get_content()

    @property
    def links(self) -> list[str]:
        """Every URL in both parts, and every URL that the HTML would load."""
        return LINK.findall(self.text) + references(self.html)

    @property
    def link(self) -> str:
        """The only URL of the mail with a token, which is in both of its parts."""
        own = [link for link in self.links if "token=" in link]
        assert len(own) == 2, self.links
        (link,) = set(own)
        return link


class MailServer:
    """A mail server that can stop and start again on the same port. It keeps the mail that it received."""

    def __init__(self, port: int) -> None:
        self.url = f"smtp://{HOST}:{port}"
        self._port = port
        self._letters: list[Letter] = []
        self._controller: Controller | None = None

    def start(self) -> None:
        self._controller = Controller(self, hostname=HOST, port=self._port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def letters(self, receiver: str | None = None) -> list[Letter]:
        """Returns all received mail in order, or the mail to one address."""
        return [letter for letter in self._letters if receiver in (None, *letter.receivers)]

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address.startswith(UNKNOWN):
            return "550 5.1.1 no such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self._letters.append(Letter(envelope.mail_from, envelope.rcpt_tos, message))
        return "250 OK"


def references(html: str) -> list[str]:
    """Returns every URL that a document links to or loads."""
    reader = _References()
    reader.feed(html)
    return reader.found


class _References(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attributes if name in ("href", "src", "action") and value]
