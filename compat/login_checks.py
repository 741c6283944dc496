"""Checks sign-in: by a mail that a real mail server receives, and on another device through its page in Chromium."""

from __future__ import annotations

import json
import re
from typing import Any

from axme import AxmeClient, AxmeClientConfig
from playwright.sync_api import Page, expect

import wire
from browser import is_accessible
from form import Page as Form
from world import World, until


def a_member_signs_in_by_mail_and_answers_with_the_sdk(world: World) -> None:
    person = _member(world)
    asked = _call(world, "/v1/auth/login-intent", {"email": person.upper()})
    letter = world.letter(person)
    code = re.fullmatch(r"(\d{6}) is your code to sign in to AXME", letter.subject)
    assert code and code[1] in letter.text and code[1] in letter.html, letter
    signed_in = _call(world, f"/v1/auth/login-intent/{asked['intent_id']}/verify", {"code": code[1]})
    token = signed_in["account_session_token"]
    assert token.count(".") == 2 and signed_in["org_id"] == world.bootstrap.org_id, signed_in

    intent_id = world.ask(person)
    client = AxmeClient(
        AxmeClientConfig(base_url=world.server.base_url, api_key=signed_in["api_key"], actor_token=token)
    )
    assert client.resume_intent(intent_id, {"task_result": {"outcome": "approved"}})["applied"] is True
    event = world.outcome(intent_id)
    assert event["status"] == "COMPLETED" and event["actor"] == f"user://{person}", event

    bearer = {"Authorization": f"Bearer {token}"}
    sessions = wire.request(world.server.base_url, "GET", "/v1/auth/sessions", bearer).json["sessions"]
    assert [session["is_current"] for session in sessions] == [True], sessions
    refreshed = _call(world, "/v1/auth/refresh", {"refresh_token": signed_in["refresh_token"]})
    assert refreshed["refresh_token"] != signed_in["refresh_token"], refreshed
    _call(world, "/v1/auth/logout-all", {}, {"Authorization": f"Bearer {refreshed['access_token']}"})
    until("the session has ended", lambda: wire.request(world.server.base_url, "GET", "/v1/auth/sessions", bearer).status == 401)


def the_link_of_the_mail_signs_in_once_a_button_is_pressed(world: World) -> None:
    person = _member(world)
    asked = _call(world, "/v1/auth/login-intent", {"email": person})
    page = Form.opened(world.letter(person).link)
    assert page.status == 200 and f"Sign in as {person}?" in page.text, page.text
    assert _poll(world, asked)["state"] == "pending"
    assert "You are signed in" in page.press("Sign in").text
    assert _poll(world, asked)["state"] == "approved"


def another_device_is_signed_in_in_the_browser(world: World) -> None:
    person = _member(world)
    asked = _call(world, "/v1/auth/cli-grants", None)
    with world.browser.page(bypass_csp=True, viewport={"width": 390, "height": 844}) as page:
        page.goto(f"{asked['approval_url']}&grant={asked['grant_id']}")
        expect(page.get_by_text(asked["user_code"], exact=True)).to_be_visible()
        _looks_right(page)
        page.get_by_label("Email address").fill(person)
        page.get_by_role("button", name="Send me a code").click()
        code = world.letter(person).subject.split(" ")[0]
        _looks_right(page)
        page.get_by_label("Code from the mail").fill("000000" if code != "000000" else "000001")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("4 tries are left")
        _looks_right(page)
        page.get_by_label("Code from the mail").fill(code)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in")
        _looks_right(page)
    approved = _poll(world, asked)
    assert approved["state"] == "approved", approved
    me = world.get("/v1/me", {"x-api-key": approved["api_key"]}).json
    assert me["role"] == "member", me


def _member(world: World) -> str:
    person = world.new_person()
    world.admin.add_organization_member(world.bootstrap.org_id, {"actor_id": person, "role": "member"})
    return person


def _call(world: World, path: str, body: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
    content = {"Content-Type": "application/json", **(headers or {})}
    reply = world.post(path, None if body is None else json.dumps(body).encode(), content)
    assert reply.status == 200, (path, reply)
    return reply.json


def _poll(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    return world.get(f"/v1/auth/cli-grants/{asked['grant_id']}", {}).json


def _looks_right(page: Page) -> None:
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width == 0, f"{page.title()} is {width} px wider than a phone"
    is_accessible(page, page.title())
