//! Checks of users and their nicks (`spec/protocol.md` §2.8). The server echoes nicks exactly as they were sent.

use serde_json::{Value, json};

use super::http::{CheckResult, FLAG, Response, TEXT, UUID};
use super::suite::Suite;

pub(crate) async fn users_check_nick(suite: &mut Suite) -> CheckResult {
    let response = suite.http.get("/v1/users/check-nick", &[("nick", &suite.nick)]).await?;
    let nick = json!({ "nick": suite.nick, "normalized_nick": TEXT, "public_address": TEXT, "available": FLAG });
    response.success()?.matches(&nick)
}

pub(crate) async fn users_register_nick(suite: &mut Suite) -> CheckResult {
    let body = json!({ "nick": suite.nick, "display_name": "Conformance User" });
    let response = suite.http.post("/v1/users/register-nick", &body).await?;
    let user = json!({ "user_id": UUID, "nick": suite.nick, "public_address": TEXT, "created_at": TEXT });
    response.success()?.matches(&user)?;
    suite.user = response.success()?.get("owner_agent").text()?.to_owned();
    Ok(())
}

pub(crate) async fn users_rename_nick(suite: &mut Suite) -> CheckResult {
    let nick = format!("{}.b", suite.nick);
    let body = json!({ "owner_agent": suite.user, "nick": nick });
    let response = suite.http.post("/v1/users/rename-nick", &body).await?;
    is_user(&response, suite, &json!({ "nick": nick, "renamed_at": TEXT }))
}

pub(crate) async fn users_profile_get(suite: &mut Suite) -> CheckResult {
    let response = suite.http.get("/v1/users/profile", &[("owner_agent", &suite.user)]).await?;
    is_user(&response, suite, &json!({ "nick": TEXT, "normalized_nick": TEXT, "updated_at": TEXT }))
}

pub(crate) async fn users_profile_update(suite: &mut Suite) -> CheckResult {
    let name = "Conformance User Renamed";
    let body = json!({ "owner_agent": suite.user, "display_name": name });
    let response = suite.http.post("/v1/users/profile/update", &body).await?;
    let profile = json!({ "nick": TEXT, "normalized_nick": TEXT, "updated_at": TEXT, "display_name": name });
    is_user(&response, suite, &profile)
}

/// Expects the registered user, with these fields.
fn is_user(response: &Response, suite: &Suite, fields: &Value) -> CheckResult {
    let body = response.success()?;
    body.matches(&json!({ "user_id": UUID, "owner_agent": suite.user, "public_address": TEXT }))?;
    body.matches(fields)
}
