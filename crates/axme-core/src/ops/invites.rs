//! Invites. A caller with the token of an invite and a key of the workspace can register a user with it, once.
//!
//! The store holds only the hash of a token.

use axme_api::invites::{
    AcceptInvite, AcceptInviteAnswer, CreateInvite, CreateInviteAnswer, GetInvite, InviteAnswer, InviteStatus,
    RegistryBindStatus,
};
use axme_api::{ApiError, ErrorCode, Number, Timestamp};
use axme_intent::Time;
use serde_json::json;

use super::users::{Name, address, nick_taken, public_address, read_nick};
use super::webhooks;
use crate::auth;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::check_chars;
use crate::ops::inbox::owner;
use axme_store::invites::Invite;
use axme_store::users::User;
use axme_store::{invites as store, users};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::invites::CREATE, prepare_create, create)),
    Binding::Transaction(&handler(&axme_api::invites::GET, prepare_get, get)),
    Binding::Transaction(&handler(&axme_api::invites::ACCEPT, prepare_accept, accept)),
];

const PREFIX: &str = "axi_";
const USUAL_SECONDS: u64 = 7 * 86_400;

pub struct NewInvite {
    invite: Invite,
    answer: CreateInviteAnswer,
}

pub(crate) fn prepare_create(context: &PrepareContext<'_>, input: CreateInvite) -> Result<NewInvite> {
    let owner = owner(context, Some(&input.owner_agent))?;
    let owner = owner.ok_or_else(|| ApiError::invalid("owner_agent: required"))?;
    check_chars("owner_agent", Some(owner.as_str()), 3, 255)?;
    check_chars("recipient_hint", input.recipient_hint.as_deref(), 1, 255)?;
    let seconds = input.ttl_seconds.map_or(USUAL_SECONDS, Number::get);
    let token = format!("{PREFIX}{}", context.rng.hex::<24>());
    let invite = Invite {
        workspace: context.caller.workspace,
        hash: auth::hash(&token).to_vec(),
        owner,
        recipient_hint: input.recipient_hint,
        created_at: context.now,
        expires_at: context.now.plus_seconds(seconds),
        accepted_at: None,
        accepted_by: None,
    };
    let answer = CreateInviteAnswer {
        ok: true,
        invite_url: format!("{}/v1/invites/{token}", context.base_url),
        token,
        owner_agent: invite.owner.spelled().to_owned(),
        recipient_hint: invite.recipient_hint.clone(),
        status: InviteStatus::Pending,
        created_at: invite.created_at.into(),
        expires_at: invite.expires_at.into(),
    };
    Ok(NewInvite { invite, answer })
}

pub fn create(cx: &mut CallContext<'_, '_>, new: &NewInvite) -> Result<CreateInviteAnswer> {
    store::insert(cx.tx, &new.invite)?;
    let line = json!({ "owner": new.invite.owner, "recipient_hint": new.invite.recipient_hint });
    cx.audit("invites.create", new.invite.owner.as_str(), &line)?;
    Ok(new.answer.clone())
}

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: GetInvite) -> Result<GetInvite> {
    Ok(input)
}

pub fn get(cx: &mut CallContext<'_, '_>, GetInvite { token }: &GetInvite) -> Result<InviteAnswer> {
    let invite = find(cx, token)?;
    let user = match invite.accepted_by {
        Some(id) => users::find(cx.tx, cx.caller.workspace, id)?,
        None => None,
    };
    let status = match invite.accepted_at {
        Some(_) => InviteStatus::Accepted,
        None if invite.expires_at <= cx.now => InviteStatus::Expired,
        None => InviteStatus::Pending,
    };
    Ok(InviteAnswer {
        ok: true,
        token: token.clone(),
        owner_agent: invite.owner.spelled().to_owned(),
        recipient_hint: invite.recipient_hint,
        status,
        created_at: invite.created_at.into(),
        expires_at: invite.expires_at.into(),
        accepted_at: invite.accepted_at.map(Timestamp),
        accepted_owner_agent: invite.accepted_by.map(address),
        public_address: user.as_ref().map(|user| public_address(&user.normalized_nick)),
        nick: user.map(|user| user.nick),
    })
}

/// Returns the invite of a token. The error omits the token, because logs keep errors.
fn find(cx: &mut CallContext<'_, '_>, token: &str) -> Result<Invite> {
    let found = store::find(cx.tx, cx.caller.workspace, &auth::hash(token))?;
    Ok(found.ok_or_else(|| ApiError::not_found("invite"))?)
}

pub struct Acceptance {
    token: String,
    name: Name,
    user: User,
}

pub(crate) fn prepare_accept(context: &PrepareContext<'_>, input: AcceptInvite) -> Result<Acceptance> {
    let name = read_nick(&input.nick)?;
    check_chars("display_name", input.display_name.as_deref(), 1, 120)?;
    let user = User {
        workspace: context.caller.workspace,
        id: context.rng.uuid_at(context.now),
        nick: name.nick.clone(),
        normalized_nick: name.normalized.clone(),
        display_name: input.display_name,
        phone: None,
        email: None,
        invited: true,
        registered_by: context.caller.service_account_id.clone(),
        created_at: context.now,
        updated_at: context.now,
    };
    Ok(Acceptance { token: input.token, name, user })
}

/// Accepts an invite. The nick of a user who accepted an earlier invite returns that user (`spec/protocol.md` §2.9).
/// The nick of a user who was registered in another way is taken.
pub fn accept(cx: &mut CallContext<'_, '_>, asked: &Acceptance) -> Result<AcceptInviteAnswer> {
    let invite = find(cx, &asked.token)?;
    if let Some(known) = invite.accepted_by {
        let user = users::find(cx.tx, cx.caller.workspace, known)?;
        let same = user.filter(|user| user.normalized_nick == asked.name.normalized);
        let user = same.ok_or_else(taken)?;
        return Ok(view(asked, &invite, user, invite.accepted_at.unwrap_or(cx.now)));
    }
    if invite.expires_at <= cx.now {
        return Err(ApiError::new(ErrorCode::InviteExpired, "the invite has expired; ask for a new one").into());
    }
    let user = match users::find_by_nick(cx.tx, cx.caller.workspace, &asked.name.normalized)? {
        Some(user) if user.invited => user,
        Some(_) => return Err(nick_taken(&asked.name.nick).into()),
        None if users::insert(cx.tx, &asked.user)? => asked.user.clone(),
        None => return Err(nick_taken(&asked.name.nick).into()),
    };
    if !store::accept(cx.tx, &invite, user.id, cx.now)? {
        return Err(taken().into());
    }
    cx.audit("invites.accept", &user.id.to_string(), &json!({ "owner": invite.owner, "nick": user.nick }))?;
    let answer = view(asked, &invite, user, cx.now);
    let payload = json!({
        "invite_owner_agent": answer.invite_owner_agent, "user_id": answer.user_id, "owner_agent": answer.owner_agent,
        "nick": answer.nick, "public_address": answer.public_address, "accepted_at": answer.accepted_at,
    });
    webhooks::tell(cx, invite.owner, "invite.accepted", payload)?;
    Ok(answer)
}

fn taken() -> ApiError {
    ApiError::new(ErrorCode::InviteAlreadyAccepted, "another user has accepted this invite; ask for a new one")
}

fn view(asked: &Acceptance, invite: &Invite, user: User, accepted_at: Time) -> AcceptInviteAnswer {
    AcceptInviteAnswer {
        ok: true,
        token: asked.token.clone(),
        status: InviteStatus::Accepted,
        invite_owner_agent: invite.owner.spelled().to_owned(),
        user_id: user.id.into(),
        owner_agent: address(user.id),
        nick: user.nick,
        public_address: public_address(&user.normalized_nick),
        display_name: user.display_name,
        accepted_at: accepted_at.into(),
        registry_bind_status: match &invite.recipient_hint {
            Some(_) => RegistryBindStatus::Disabled,
            None => RegistryBindStatus::SkippedNoHint,
        },
    }
}
