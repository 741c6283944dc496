//! Reports who the caller is, and keeps the settings of people.

use axme_api::ApiError;
use axme_api::capabilities::EmptyInput;
use axme_api::me::{IdentityAnswer, PersonSettings as Settings, PersonSettingsAnswer};
use axme_intent::human::is_email;

use super::service_accounts;
use crate::auth;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use axme_store::person_settings::{self, PersonSettings, QuietHours, is_time_of_day, is_zone};
use axme_store::service_accounts as store;
use serde_json::json;

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::me::GET, prepare_get, get)),
    Binding::Transaction(&handler(&axme_api::me::SETTINGS, prepare_get, settings)),
    Binding::Transaction(&handler(&axme_api::me::CHANGE_SETTINGS, prepare_change, change)),
];

pub(crate) fn prepare_get(_: &PrepareContext<'_>, input: EmptyInput) -> Result<EmptyInput> {
    Ok(input)
}

pub fn get(cx: &mut CallContext<'_, '_>, _: &EmptyInput) -> Result<IdentityAnswer> {
    let account = store::find_service_account(cx.tx, cx.caller.workspace, &cx.caller.service_account_id)?;
    Ok(IdentityAnswer {
        ok: true,
        address: cx.caller.address.as_ref().map(|address| address.as_str().to_owned()),
        org_id: cx.caller.org.into(),
        org_slug: cx.caller.org_slug.clone(),
        workspace_id: cx.caller.workspace.into(),
        workspace_slug: cx.caller.workspace_slug.clone(),
        role: cx.caller.role,
        service_account: account.as_ref().map(service_accounts::view),
        email: cx.caller.person().map(|person| person.email.clone()).filter(|email| is_email(email)),
    })
}

pub fn settings(cx: &mut CallContext<'_, '_>, _: &EmptyInput) -> Result<PersonSettingsAnswer> {
    let account = auth::check_person(cx.caller)?.account_id;
    Ok(answer(person_settings::find(cx.tx, account)?))
}

pub(crate) fn prepare_change(_: &PrepareContext<'_>, input: Settings) -> Result<PersonSettings> {
    read_settings(input)
}

/// Checks settings. An empty field is unset.
pub fn read_settings(input: Settings) -> Result<PersonSettings> {
    let given = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let settings = PersonSettings {
        language: input.language,
        time_zone: given(input.time_zone),
        quiet_from: given(input.quiet_from),
        quiet_until: given(input.quiet_until),
        digest_time: given(input.digest_time),
    };
    let wrong = |message: &str| Err(ApiError::invalid(message).into());
    if settings.time_zone.as_deref().is_some_and(|zone| zone.len() > 64 || !is_zone(zone)) {
        return wrong("time_zone: must be the name of a time zone, such as Europe/Berlin");
    }
    let PersonSettings { quiet_from, quiet_until, digest_time, .. } = &settings;
    for (name, time) in [("quiet_from", quiet_from), ("quiet_until", quiet_until), ("digest_time", digest_time)] {
        if time.as_deref().is_some_and(|time| !is_time_of_day(time)) {
            return Err(ApiError::invalid(format!("{name}: must be a time of day, such as 22:00")).into());
        }
    }
    match (quiet_from, quiet_until) {
        (None, None) => Ok(settings),
        (Some(from), Some(until)) if QuietHours::read("UTC", from, until).is_some() => Ok(settings),
        (Some(_), Some(_)) => wrong("quiet_until: must differ from quiet_from; leave both out for no quiet hours"),
        _ => wrong("quiet_from and quiet_until: send both or neither"),
    }
}

pub fn change(cx: &mut CallContext<'_, '_>, settings: &PersonSettings) -> Result<PersonSettingsAnswer> {
    let person = auth::check_person(cx.caller)?.clone();
    person_settings::put(cx.tx, person.account_id, settings)?;
    cx.audit("me.settings", &person.email, &json!({}))?;
    Ok(answer(settings.clone()))
}

fn answer(settings: PersonSettings) -> PersonSettingsAnswer {
    PersonSettingsAnswer { ok: true, settings: view(settings) }
}

/// Builds the wire form of settings.
pub fn view(settings: PersonSettings) -> Settings {
    let PersonSettings { language, time_zone, quiet_from, quiet_until, digest_time } = settings;
    Settings { language, time_zone, quiet_from, quiet_until, digest_time }
}
