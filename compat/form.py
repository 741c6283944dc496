"""A page with a form, filled in and sent over HTTP as a browser without scripts does."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urlencode, urljoin, urlsplit

import wire

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Page(HTMLParser):
    """The text of a page, and its only form."""

    def __init__(self, url: str, reply: wire.Reply) -> None:
        super().__init__()
        self.status = reply.status
        self.text = ""
        self._url = url
        self._fields: dict[str, str] = {}
        self._buttons: dict[str, tuple[str, str]] = {}
        self._button: tuple[str, str] | None = None
        self.feed(reply.text)
        self.text = re.sub(r"\s+", " ", self.text)

    @classmethod
    def opened(cls, url: str) -> Self:
        return cls(url, visit(url))

    def press(self, label: str, **typed: str) -> Self:
        """Fills in fields and presses a button."""
        unknown = typed.keys() - self._fields.keys()
        assert not unknown, f"{unknown} is not among the fields {list(self._fields)}"
        assert label in self._buttons, f"{label} is not among the buttons {list(self._buttons)}: {self.text}"
        button = [self._buttons[label]] if self._buttons[label][0] else []
        fields = [*(self._fields | typed).items(), *button]
        reply = visit(self._url, "POST", FORM, urlencode(fields).encode())
        if reply.status == 303:
            return type(self).opened(urljoin(self._url, reply.headers["location"]))
        return type(self)(self._url, reply)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "button":
            self._button = (given.get("name", ""), given.get("value", ""))
        elif tag in ("input", "textarea", "select"):
            # A box that is not ticked sends nothing.
            is_empty = given.get("type") == "checkbox" and "checked" not in given
            self._fields[given["name"]] = "" if is_empty else given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "button":
            self._button = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._button is not None:
            self._buttons[data.strip()] = self._button


def visit(
    url: str, method: str = "GET", headers: dict[str, str] | None = None, body: bytes | None = None
) -> wire.Reply:
    """Calls a full URL without a key."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return wire.request(f"{parts.scheme}://{parts.netloc}", method, path, headers, body)
