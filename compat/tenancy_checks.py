"""Checks keys, organizations, members, requests, quotas and billing through the official SDK (docs/tenancy.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable
from uuid import uuid4

from axme import AxmeAuthError, AxmeHttpError, AxmeRateLimitError, AxmeValidationError

from world import World, refusal, until

DAY_MICROS = 24 * 60 * 60 * 1_000_000
DIMENSIONS = (
    "requests_per_minute",
    "intents_per_day",
    "inbox_writes_per_day",
    "media_upload_bytes_per_day",
    "media_storage_bytes",
    "webhook_deliveries_per_day",
    "schema_writes_per_day",
)


@dataclass(frozen=True)
class Tenant:
    """An organization that the admin owns, and a workspace in it."""

    org_id: str
    workspace_id: str

    @property
    def named(self) -> dict[str, str]:
        return {"org_id": self.org_id, "workspace_id": self.workspace_id}


def a_service_accounts_key_is_listed_revoked_and_dead(world: World) -> None:
    agent = world.new_agent()
    shown = world.admin.get_service_account(agent.service_account_id)["service_account"]
    assert (shown["name"], shown["address"]) == (agent.name, agent.address), shown
    home = world.bootstrap
    listed = world.admin.list_service_accounts(org_id=home.org_id, workspace_id=home.workspace_id)["service_accounts"]
    assert agent.service_account_id in [account["service_account_id"] for account in listed], listed
    key = world.admin.create_service_account_key(agent.service_account_id, {}, idempotency_key=str(uuid4()))["key"]
    holder = world.client(key["token"])
    assert holder.get_agent(agent.address)["ok"] is True
    revoked = world.admin.revoke_service_account_key(agent.service_account_id, key["key_id"])["key"]
    assert (revoked["key_id"], revoked["status"]) == (key["key_id"], "revoked") and revoked["revoked_at"], revoked
    # The server may cache a key for a second.
    until("the key is refused", lambda: _is_refused(401, lambda: holder.get_agent(agent.address)), 3)
    # The older key still works.
    assert agent.client.get_agent(agent.address)["ok"] is True
    holder.close()


def an_organization_and_its_workspaces_are_made_and_changed(world: World) -> None:
    name = world.new_name("Acme Works")
    key = str(uuid4())
    asked = {"name": name, "requested_by_actor_id": "ceo@example.com", "metadata": {"tier": "gold"}}
    made = world.admin.create_organization(asked, idempotency_key=key)["organization"]
    assert (made["name"], made["status"], made["metadata"]) == (name, "active", {"tier": "gold"}), made
    assert world.admin.create_organization(asked, idempotency_key=key)["organization"] == made
    org_id = made["org_id"]
    changed = world.admin.update_organization(org_id, {"org_id": org_id, "legal_name": "Acme Works Ltd"})
    assert changed["organization"]["legal_name"] == "Acme Works Ltd", changed
    workspace = world.admin.create_workspace(org_id, {"org_id": org_id, "name": "Plant", "environment": "sandbox"})
    workspace = workspace["workspace"]
    assert (workspace["org_id"], workspace["environment"]) == (org_id, "sandbox"), workspace
    listed = world.admin.list_workspaces(org_id)["workspaces"]
    assert workspace in listed, (workspace, listed)
    moved = world.admin.update_workspace(org_id, workspace["workspace_id"], {"name": "Plant 2", "region": "eu"})
    assert (moved["workspace"]["name"], moved["workspace"]["region"]) == ("Plant 2", "eu"), moved
    shown = world.admin.get_organization(org_id)["organization"]
    assert shown["legal_name"] == "Acme Works Ltd", shown
    assert (shown["workspaces_count"], shown["members_count"]) == (len(listed), 1), shown
    wrong = {"org_id": str(uuid4()), "name": "Other"}
    refused = refusal(AxmeValidationError, lambda: world.admin.update_organization(org_id, wrong))
    assert refused.status_code == 400, refused
    unknown = refusal(AxmeHttpError, lambda: world.admin.get_organization(str(uuid4())))
    assert unknown.status_code == 404, unknown


def a_member_comes_rises_and_goes(world: World) -> None:
    tenant, person = _new_tenant(world), world.new_person()
    asked = {"org_id": tenant.org_id, "actor_id": person, "role": "member"}
    member = world.admin.add_organization_member(tenant.org_id, asked)["member"]
    assert (member["actor_id"], member["role"], member["org_id"]) == (person, "member", tenant.org_id), member
    again = refusal(AxmeValidationError, lambda: world.admin.add_organization_member(tenant.org_id, asked))
    assert again.status_code == 409, again
    member_id = member["member_id"]
    risen = world.admin.update_organization_member(tenant.org_id, member_id, {"role": "org_admin"})["member"]
    assert (risen["member_id"], risen["role"]) == (member_id, "org_admin"), risen
    listed = world.admin.list_organization_members(tenant.org_id)["members"]
    assert {entry["actor_id"]: entry["role"] for entry in listed}[person] == "org_admin", listed
    gone = world.admin.remove_organization_member(tenant.org_id, member_id)
    assert gone["removed"] is True and gone["member_id"] == member_id and gone["removed_at"], gone
    listed = world.admin.list_organization_members(tenant.org_id)["members"]
    assert person not in [entry["actor_id"] for entry in listed if entry["status"] != "removed"], listed
    # The creator of the organization is its only owner, and cannot be removed.
    (owner,) = [entry for entry in listed if entry["role"] == "org_owner"]
    last = refusal(
        AxmeValidationError, lambda: world.admin.remove_organization_member(tenant.org_id, owner["member_id"])
    )
    assert last.status_code == 409, last


def a_request_for_access_is_approved_and_carried_out(world: World) -> None:
    tenant, person = _new_tenant(world), world.new_person()
    asked = world.admin.create_access_request(
        {
            "request_type": "join_organization",
            "requester_actor_id": person,
            "org_id": tenant.org_id,
            "requested_role": "member",
            "justification": "I work here.",
        },
        idempotency_key=str(uuid4()),
    )["access_request"]
    request_id = asked["access_request_id"]
    assert (asked["state"], asked["requester_actor_id"]) == ("pending", person), asked
    pending = world.admin.list_access_requests(org_id=tenant.org_id, state="pending")["access_requests"]
    assert [entry["access_request_id"] for entry in pending] == [request_id], pending
    assert world.admin.get_access_request(request_id)["access_request"] == asked
    review = {"decision": "approve", "reviewer_actor_id": world.bootstrap.owner_email, "review_comment": "welcome"}
    decided = world.admin.review_access_request(request_id, review)["access_request"]
    assert (decided["state"], decided["review_comment"]) == ("approved", "welcome"), decided
    members = world.admin.list_organization_members(tenant.org_id)["members"]
    assert person in [member["actor_id"] for member in members], members
    again = {"decision": "reject", "reviewer_actor_id": world.bootstrap.owner_email}
    refused = refusal(AxmeValidationError, lambda: world.admin.review_access_request(request_id, again))
    assert refused.status_code == 409, refused


def a_quota_of_one_refuses_the_second_intent_and_usage_shows_the_first(world: World) -> None:
    tenant = _new_tenant(world)
    assert world.admin.get_quota(**tenant.named)["quota_policy"]["dimensions"]["intents_per_day"] == 0
    policy = world.admin.update_quota(
        {
            **tenant.named,
            "dimensions": dict.fromkeys(DIMENSIONS, 0) | {"intents_per_day": 1},
            "overage_mode": "block",
            "hard_enforcement": True,
            "updated_by_actor_id": world.bootstrap.owner_email,
        }
    )["quota_policy"]
    assert policy["dimensions"]["intents_per_day"] == 1 and policy["hard_enforcement"] is True, policy
    assert world.admin.get_quota(**tenant.named)["quota_policy"] == policy

    agent = world.new_agent()
    world.send(agent, {"tenant": tenant.named})
    refused = refusal(AxmeRateLimitError, lambda: world.send(agent, {"tenant": tenant.named}))
    assert refused.status_code == 429, refused
    # Other workspaces are not limited.
    world.send(agent)

    summary = world.admin.get_usage_summary(**tenant.named, window="day")["summary"]
    assert summary["dimensions"]["intents_per_day"] == {"used": 1, "limit": 1, "remaining": 0}, summary
    series = world.admin.get_usage_timeseries(**tenant.named, window_days=7)["series"]
    assert series["granularity"] == "day" and len(series["points"]) == 7, series
    assert sum(point["dimensions"]["intents_per_day"] for point in series["points"]) == 1, series
    other = refusal(
        AxmeAuthError, lambda: world.admin.get_quota(org_id=world.bootstrap.org_id, workspace_id=tenant.workspace_id)
    )
    assert other.status_code == 403, other


def a_billing_plan_is_recorded(world: World) -> None:
    tenant = _new_tenant(world)
    plan = world.admin.update_billing_plan(_plan(world, tenant))["billing_plan"]
    assert (plan["plan_code"], plan["monthly_commit_minor"], plan["status"]) == ("team", 4900, "active"), plan
    assert world.admin.get_billing_plan(**tenant.named)["billing_plan"] == plan
    larger = _plan(world, tenant) | {"plan_code": "works", "seats_included": 50}
    changed = world.admin.update_billing_plan(larger, idempotency_key=str(uuid4()))["billing_plan"]
    assert (changed["plan_code"], changed["seats_included"]) == ("works", 50), changed


def a_period_that_is_over_becomes_an_invoice(world: World) -> None:
    home = Tenant(world.bootstrap.org_id, world.bootstrap.workspace_id)
    plan = world.admin.update_billing_plan(_plan(world, home))["billing_plan"]
    assert world.admin.list_billing_invoices(**home.named)["invoices"] == []
    # Instead of waiting for a month, the check moves its start into the past.
    world.server.stop()
    world.server.execute(
        f"UPDATE billing_plans SET period_start = period_start - {34 * DAY_MICROS}, "
        f"period_end = period_start - {3 * DAY_MICROS}"
    )
    world.server.start()
    invoices = until(
        "the invoice is issued",
        lambda: world.admin.list_billing_invoices(**home.named, status="issued")["invoices"],
    )
    invoice = invoices[-1]
    assert {name: invoice[name] for name in home.named} == home.named, invoice
    assert (invoice["billing_plan_id"], invoice["currency"]) == (plan["billing_plan_id"], "EUR"), invoice
    assert invoice["total_minor"] == 4900 and invoice["issued_at"], invoice
    assert world.admin.get_billing_invoice(invoice["invoice_id"])["invoice"] == invoice


def _plan(world: World, tenant: Tenant) -> dict[str, Any]:
    return {
        **tenant.named,
        "plan_code": "team",
        "currency": "EUR",
        "billing_cycle": "monthly",
        "monthly_commit_minor": 4900,
        "updated_by_actor_id": world.bootstrap.owner_email,
    }


def _new_tenant(world: World) -> Tenant:
    asked = {"name": world.new_name("Tenant"), "requested_by_actor_id": world.bootstrap.owner_email}
    org_id = world.admin.create_organization(asked)["organization"]["org_id"]
    asked = {"org_id": org_id, "name": "Main", "environment": "production"}
    return Tenant(org_id, world.admin.create_workspace(org_id, asked)["workspace"]["workspace_id"])


def _is_refused(status: int, call: Callable[[], Any]) -> bool:
    try:
        call()
    except AxmeHttpError as error:
        return error.status_code == status
    return False
