//! Users and their nicks (contract `wire.md` §2.16). Nicks are echoed exactly as they were sent.

use serde_json::json;

use super::checks::Suite;
use super::wire::{Answer, Seen};

pub async fn users_check_nick(suite: &mut Suite) -> Seen {
    let answer = suite.wire.get("/v1/users/check-nick", &[("nick", &suite.nick)]).await?;
    let body = answer.success()?;
    body.get("nick").is_text(&suite.nick)?;
    body.get("normalized_nick").text()?;
    body.get("public_address").text()?;
    body.get("available").flag().map(|_| ())
}

pub async fn users_register_nick(suite: &mut Suite) -> Seen {
    let body = json!({ "nick": suite.nick, "display_name": "Conformance User" });
    let answer = suite.wire.post("/v1/users/register-nick", &body).await?;
    let body = answer.success()?;
    body.get("user_id").uuid()?;
    body.get("nick").is_text(&suite.nick)?;
    body.get("public_address").text()?;
    body.get("created_at").text()?;
    suite.user = body.get("owner_agent").text()?.to_owned();
    Ok(())
}

pub async fn users_rename_nick(suite: &mut Suite) -> Seen {
    let nick = format!("{}.b", suite.nick);
    let body = json!({ "owner_agent": suite.user, "nick": nick });
    let answer = suite.wire.post("/v1/users/rename-nick", &body).await?;
    is_user(&answer, suite)?;
    let body = answer.success()?;
    body.get("nick").is_text(&nick)?;
    body.get("renamed_at").text().map(|_| ())
}

pub async fn users_profile_get(suite: &mut Suite) -> Seen {
    let answer = suite.wire.get("/v1/users/profile", &[("owner_agent", &suite.user)]).await?;
    is_profile(&answer, suite)
}

pub async fn users_profile_update(suite: &mut Suite) -> Seen {
    let body = json!({ "owner_agent": suite.user, "display_name": "Conformance User Renamed" });
    let answer = suite.wire.post("/v1/users/profile/update", &body).await?;
    is_profile(&answer, suite)?;
    answer.success()?.get("display_name").is_text("Conformance User Renamed")
}

fn is_profile(answer: &Answer, suite: &Suite) -> Seen {
    is_user(answer, suite)?;
    let body = answer.success()?;
    body.get("nick").text()?;
    body.get("normalized_nick").text()?;
    body.get("updated_at").text().map(|_| ())
}

fn is_user(answer: &Answer, suite: &Suite) -> Seen {
    let body = answer.success()?;
    body.get("user_id").uuid()?;
    body.get("owner_agent").is_text(&suite.user)?;
    body.get("public_address").text().map(|_| ())
}
