//! Users and their nicks. A nick belongs to one workspace and means nothing in others.

use axme_api::users::{
    ChangeProfile, CheckNickAnswer, GetProfile, Nick, ProfileAnswer, RegisterNickAnswer, RenameNickAnswer,
    ResolveNickAnswer, UserCard,
};
use axme_api::{ApiError, ErrorCode};
use serde_json::json;
use uuid::Uuid;

use crate::auth::Caller;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::check_chars;
use axme_store::users as store;
use axme_store::users::User;

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::users::CHECK_NICK, prepare_nick, check_nick)),
    Binding::Transaction(&handler(&axme_api::users::RESOLVE_NICK, prepare_nick, resolve_nick)),
    Binding::Transaction(&handler(&axme_api::users::REGISTER_NICK, prepare_register, register)),
    Binding::Transaction(&handler(&axme_api::users::RENAME_NICK, prepare_rename, rename)),
    Binding::Transaction(&handler(&axme_api::users::PROFILE, prepare_profile, profile)),
    Binding::Transaction(&handler(&axme_api::users::UPDATE_PROFILE, prepare_update, update)),
];

/// The prefix of a user's address.
const PREFIX: &str = "agent://user/";

/// A nick as written, and normalized for comparison.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub nick: String,
    pub normalized: String,
}

pub(super) fn read_nick(text: &str) -> Result<Name> {
    let name = text.strip_prefix('@').filter(|name| (3..=32).contains(&name.len()));
    let is_usable = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    match name.filter(|name| name.chars().all(is_usable)) {
        Some(name) => Ok(Name { nick: text.to_owned(), normalized: name.to_ascii_lowercase() }),
        None => Err(ApiError::invalid("nick: must be @ and 3 to 32 letters, digits, '_', '.' and '-'").into()),
    }
}

pub(super) fn public_address(normalized_nick: &str) -> String {
    format!("{normalized_nick}@ax")
}

pub(super) fn address(user: Uuid) -> String {
    format!("{PREFIX}{user}")
}

pub(super) fn nick_taken(nick: &str) -> ApiError {
    ApiError::new(ErrorCode::NickTaken, format!("nick: {nick} is taken; choose another"))
}

fn read_address(text: &str) -> Result<Uuid> {
    let id = text.trim().strip_prefix(PREFIX).and_then(|id| Uuid::parse_str(id).ok());
    Ok(id.ok_or_else(|| ApiError::not_found(format!("user {text}")))?)
}

fn check_contact(display_name: Option<&str>, phone: Option<&str>, email: Option<&str>) -> Result<()> {
    check_chars("display_name", display_name, 1, 120)?;
    check_chars("phone", phone, 3, 32)?;
    check_chars("email", email, 3, 255)
}

pub(crate) fn prepare_nick(_: &PrepareContext<'_>, input: Nick) -> Result<CheckNickAnswer> {
    let Name { nick, normalized } = read_nick(&input.nick)?;
    let public_address = public_address(&normalized);
    Ok(CheckNickAnswer { ok: true, nick, normalized_nick: normalized, public_address, available: true })
}

pub fn check_nick(cx: &mut CallContext<'_, '_>, asked: &CheckNickAnswer) -> Result<CheckNickAnswer> {
    let found = store::find_by_nick(cx.tx, cx.caller.workspace, &asked.normalized_nick)?;
    Ok(CheckNickAnswer { available: found.is_none(), ..asked.clone() })
}

pub(crate) fn resolve_nick(cx: &mut CallContext<'_, '_>, asked: &CheckNickAnswer) -> Result<ResolveNickAnswer> {
    let found = store::find_by_nick(cx.tx, cx.caller.workspace, &asked.normalized_nick)?;
    let contact = found.clone().filter(|user| may_see(cx.caller, user));
    Ok(ResolveNickAnswer {
        ok: true,
        resolved: found.is_some(),
        nick: asked.nick.clone(),
        normalized_nick: asked.normalized_nick.clone(),
        public_address: asked.public_address.clone(),
        owner_agent: found.as_ref().map(|user| address(user.id)),
        display_name: found.and_then(|user| user.display_name),
        phone: contact.as_ref().and_then(|user| user.phone.clone()),
        email: contact.and_then(|user| user.email),
    })
}

/// Returns true for the account that registered the user, and for admins.
fn may_see(caller: &Caller, user: &User) -> bool {
    caller.is_admin() || user.registered_by == caller.service_account_id
}

pub(crate) fn prepare_register(context: &PrepareContext<'_>, input: axme_api::users::RegisterNick) -> Result<User> {
    let name = read_nick(&input.nick)?;
    check_contact(input.display_name.as_deref(), input.phone.as_deref(), input.email.as_deref())?;
    let user = User {
        workspace: context.caller.workspace,
        id: context.rng.uuid_at(context.now),
        nick: name.nick,
        normalized_nick: name.normalized,
        display_name: input.display_name,
        phone: input.phone,
        email: input.email,
        invited: false,
        registered_by: context.caller.service_account_id.clone(),
        created_at: context.now,
        updated_at: context.now,
    };
    Ok(user)
}

pub fn register(cx: &mut CallContext<'_, '_>, user: &User) -> Result<RegisterNickAnswer> {
    if !store::insert(cx.tx, user)? {
        return Err(nick_taken(&user.nick).into());
    }
    cx.audit("users.register_nick", &user.id.to_string(), &json!({ "nick": user.nick }))?;
    let user = user.clone();
    Ok(RegisterNickAnswer { ok: true, created_at: user.created_at.into(), user: card(user) })
}

fn card(user: User) -> UserCard {
    UserCard {
        user_id: user.id.into(),
        owner_agent: address(user.id),
        nick: user.nick,
        public_address: public_address(&user.normalized_nick),
        display_name: user.display_name,
        phone: user.phone,
        email: user.email,
    }
}

pub(crate) fn prepare_profile(_: &PrepareContext<'_>, input: GetProfile) -> Result<Uuid> {
    read_address(&input.owner_agent)
}

pub fn profile(cx: &mut CallContext<'_, '_>, id: &Uuid) -> Result<ProfileAnswer> {
    find(cx, *id).map(view)
}

fn find(cx: &mut CallContext<'_, '_>, id: Uuid) -> Result<User> {
    let found = store::find(cx.tx, cx.caller.workspace, id)?.filter(|user| may_see(cx.caller, user));
    Ok(found.ok_or_else(|| ApiError::not_found(format!("user {}", address(id))))?)
}

fn view(user: User) -> ProfileAnswer {
    ProfileAnswer {
        ok: true,
        user_id: user.id.into(),
        owner_agent: address(user.id),
        nick: user.nick,
        public_address: public_address(&user.normalized_nick),
        normalized_nick: user.normalized_nick,
        display_name: user.display_name,
        phone: user.phone,
        email: user.email,
        updated_at: user.updated_at.into(),
    }
}

pub struct Change {
    id: Uuid,
    name: Option<Name>,
    input: ChangeProfile,
}

pub(crate) fn prepare_rename(context: &PrepareContext<'_>, input: ChangeProfile) -> Result<Change> {
    if input.nick.is_none() {
        return Err(ApiError::invalid("nick: required").into());
    }
    prepare_update(context, input)
}

pub(crate) fn prepare_update(_: &PrepareContext<'_>, input: ChangeProfile) -> Result<Change> {
    let name = input.nick.as_deref().map(read_nick).transpose()?;
    check_contact(input.display_name.as_deref(), input.phone.as_deref(), input.email.as_deref())?;
    Ok(Change { id: read_address(&input.owner_agent)?, name, input })
}

pub fn rename(cx: &mut CallContext<'_, '_>, change: &Change) -> Result<RenameNickAnswer> {
    let user = apply(cx, change, "users.rename_nick")?;
    Ok(RenameNickAnswer { ok: true, renamed_at: user.updated_at.into(), user: card(user) })
}

pub fn update(cx: &mut CallContext<'_, '_>, change: &Change) -> Result<ProfileAnswer> {
    apply(cx, change, "users.profile.update").map(view)
}

fn apply(cx: &mut CallContext<'_, '_>, change: &Change, action: &'static str) -> Result<User> {
    let mut user = find(cx, change.id)?;
    if let Some(name) = &change.name {
        let holder = store::find_by_nick(cx.tx, cx.caller.workspace, &name.normalized)?;
        if holder.is_some_and(|holder| holder.id != user.id) {
            return Err(nick_taken(&name.nick).into());
        }
        user.nick.clone_from(&name.nick);
        user.normalized_nick.clone_from(&name.normalized);
    }
    let input = change.input.clone();
    user.display_name = input.display_name.or(user.display_name);
    user.phone = input.phone.or(user.phone);
    user.email = input.email.or(user.email);
    user.updated_at = cx.now;
    store::update(cx.tx, &user)?;
    cx.audit(action, &user.id.to_string(), &json!({ "nick": user.nick }))?;
    Ok(user)
}
