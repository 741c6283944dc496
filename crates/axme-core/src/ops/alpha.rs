//! Trials: an organization for an email address that is not verified yet.
//!
//! The address owns nothing until it is verified. Keys act in their owner's name, and the address typed may belong to
//! another person.

use axme_api::alpha::{
    Bootstrap, BootstrapAnswer, EmailVerification, ResendEmail, ResendEmailAnswer, TrialKey, TrialOrganization,
    TrialWorkspace, VerificationStatus, VerifyEmail, VerifyEmailAnswer,
};
use axme_api::roles::OrgRole;
use axme_api::{ApiError, ErrorCode};
use axme_intent::human::is_email;
use serde_json::json;
use uuid::Uuid;

use super::logins::{found, mail, too_many};
use crate::auth;
use crate::auth::sign_in::audit;
use crate::auth::{FreshKey, fresh_key, membership};
use crate::call::{AsyncContext, Binding, BoxFuture, async_handler};
use crate::error::{Result, StoreError};
use crate::input::check_chars;
use crate::state::AppState;
use axme_store::alpha::Trial;
use axme_store::members::{Member, MemberStatus};
use axme_store::service_accounts::{NewKey, ServiceAccount};
use axme_store::{Shard, Tx, alpha as store, members, organizations, person_accounts as records, service_accounts};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Async(&async_handler(&axme_api::alpha::BOOTSTRAP, bootstrap)),
    Binding::Async(&async_handler(&axme_api::alpha::VERIFY, verify)),
    Binding::Async(&async_handler(&axme_api::alpha::RESEND, resend)),
];

/// How long the address of a trial can be verified.
const TRIAL_SECONDS: u64 = 7 * 86_400;
/// Maximum trials per address and day, and mails per trial.
const MAX_TRIALS_A_DAY: i64 = 3;
const MAX_MAILS: i64 = 5;
const DAY_MILLIS: u64 = 86_400_000;

pub fn check_enabled(app: &AppState) -> Result<()> {
    if app.site.trials {
        return Ok(());
    }
    let message = "trials are disabled on this server; ask its operator for a key, or sign in";
    Err(ApiError::new(ErrorCode::TrialsDisabled, message).into())
}

pub fn bootstrap(context: AsyncContext, input: Bootstrap) -> BoxFuture<BootstrapAnswer> {
    Box::pin(async move {
        check_enabled(&context.app)?;
        let email = membership::address(&input.email);
        if !is_email(&email) {
            return Err(ApiError::invalid("email: must be an email address, such as ann@example.com").into());
        }
        check_chars("use_case", Some(&input.use_case), 2, 120)?;
        check_chars("company", input.company.as_deref(), 2, 120)?;
        let (rng, now) = (context.app.system.rng.clone(), context.now);
        let job = move |tx: &mut Tx<'_>| -> Result<_> {
            let known = store::list(tx, &email, now.minus_millis(DAY_MILLIS), MAX_TRIALS_A_DAY)?;
            if known.len() as i64 >= MAX_TRIALS_A_DAY {
                return Err(too_many("too many trials for this email address today; try again tomorrow", 86_400));
            }
            let id = rng.uuid_at(now);
            let owner = membership::trial_owner(id);
            let name = input.company.clone().unwrap_or_else(|| email.clone());
            let workspace = found(tx, &owner, &name)?;
            let organization = organizations::find(tx, workspace.org_id)?;
            let organization =
                organization.ok_or_else(|| StoreError::Fault("the organization just created is missing".to_owned()))?;
            let key = first_key(tx, &owner, (workspace.org_id, workspace.workspace_id))?;
            let trial = Trial {
                id,
                email: email.clone(),
                org_id: workspace.org_id,
                workspace_id: workspace.workspace_id,
                created_at: now,
                expires_at: now.plus_seconds(TRIAL_SECONDS),
                verified_at: None,
            };
            store::insert(tx, &trial)?;
            let line = json!({ "email": email, "use_case": input.use_case });
            audit(tx, workspace.workspace_id, &owner, "alpha.bootstrap", &line)?;
            tell(tx, &trial)?;
            Ok(BootstrapAnswer {
                ok: true,
                organization: TrialOrganization { org_id: workspace.org_id.into(), name: organization.name },
                workspace: TrialWorkspace { workspace_id: workspace.workspace_id.into(), name: workspace.name },
                key,
                email_verification: view(&trial),
            })
        };
        context.app.store.write(Shard::CONTROL, job).await
    })
}

fn first_key(tx: &mut Tx<'_>, owner: &str, (org, workspace): (Uuid, Uuid)) -> Result<TrialKey, StoreError> {
    let rng = tx.rng;
    let now = tx.now;
    let account = ServiceAccount::of_owner(rng.uuid_at(now), org, workspace, owner, now);
    service_accounts::insert_service_account(tx, &account)?;
    let FreshKey { token, hash, hint } = fresh_key(rng, &account.service_account_id);
    let key_id = format!("sak_{}", rng.uuid_at(now).simple());
    let key = NewKey {
        workspace,
        key_id: &key_id,
        service_account_id: &account.service_account_id,
        hash: &hash,
        hint: &hint,
        created_by: owner,
        created_at: now,
        expires_at: None,
    };
    service_accounts::insert_key(tx, &key)?;
    Ok(TrialKey { key_id, service_account_id: account.service_account_id, token })
}

/// Queues the verification mail of a trial.
fn tell(tx: &mut Tx<'_>, trial: &Trial) -> Result<(), StoreError> {
    mail(tx, &trial.email, json!({ "trial": trial.id }))
}

/// Draws the token for a mail that is about to be sent; `None` if the trial is verified or has expired.
pub fn draw(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<(Trial, String)>, StoreError> {
    let rng = tx.rng;
    let now = tx.now;
    let Some(trial) = store::find(tx, id)?.filter(|trial| trial.verified_at.is_none() && now < trial.expires_at) else {
        return Ok(None);
    };
    let token = rng.hex::<32>();
    store::set_token(tx, id, &auth::hash(&token))?;
    Ok(Some((trial, token)))
}

/// Draws the token for another mail about the latest trial of an address; `None` if there is no open one, or it had enough
/// mails.
pub fn draw_again(tx: &mut Tx<'_>, email: &str) -> Result<Option<(Trial, String)>, StoreError> {
    let since = tx.now.minus_millis(TRIAL_SECONDS * 1_000);
    let Some(trial) = store::list(tx, email, since, 1)?.pop() else { return Ok(None) };
    if trial.verified_at.is_some() || store::count_mail(tx, trial.id)? >= MAX_MAILS {
        return Ok(None);
    }
    draw(tx, trial.id)
}

fn view(trial: &Trial) -> EmailVerification {
    EmailVerification {
        email: trial.email.clone(),
        status: if trial.verified_at.is_some() { VerificationStatus::Verified } else { VerificationStatus::Pending },
        expires_at: trial.expires_at.into(),
    }
}

pub fn verify(context: AsyncContext, input: VerifyEmail) -> BoxFuture<VerifyEmailAnswer> {
    Box::pin(async move {
        check_enabled(&context.app)?;
        check_chars("token", Some(&input.token), 16, 512)?;
        let trial = confirm(&context.app, input.token).await?;
        Ok(VerifyEmailAnswer { ok: true, email_verification: view(&trial) })
    })
}

/// Makes the address of a trial the owner of its organization; a repeat has no effect. The owner of the first key loses
/// that role and keeps only the workspace, because another person may have started the trial.
pub async fn confirm(app: &AppState, token: String) -> Result<Trial> {
    let (rng, now) = (app.system.rng.clone(), app.system.clock.now());
    let hash = auth::hash(&token);
    let unknown = || ApiError::not_found("token");
    // An unknown token must not occupy the writer.
    app.store.read(move |tx| store::is_known(tx, &hash)).await?.then_some(()).ok_or_else(unknown)?;
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let trial = store::lock(tx, &hash)?.ok_or_else(unknown)?;
        if trial.verified_at.is_some() {
            return Ok(trial);
        }
        if trial.expires_at <= now {
            let message = "this verification link has expired; start a new trial";
            return Err(ApiError::new(ErrorCode::VerificationExpired, message).into());
        }
        store::mark_verified(tx, trial.id, now)?;
        records::insert(tx, rng.uuid(), &trial.email, now)?;
        let first = members::find_actor(tx, trial.org_id, &membership::trial_owner(trial.id), Uuid::nil())?;
        if let Some(first) = first {
            members::update(tx, &Member { status: MemberStatus::Removed, updated_at: now, ..first })?;
        }
        let member = Member {
            org_id: trial.org_id,
            member_id: rng.uuid_at(now),
            workspace_id: Uuid::nil(),
            actor_id: trial.email.clone(),
            role: OrgRole::OrgOwner,
            status: MemberStatus::Active,
            created_at: now,
            updated_at: now,
            given_by: None,
            given_at: None,
        };
        members::insert(tx, &member)?;
        let line = json!({ "org_id": trial.org_id });
        audit(tx, trial.workspace_id, &trial.email, "alpha.verify_email", &line)?;
        Ok(Trial { verified_at: Some(now), ..trial })
    };
    app.store.write(Shard::CONTROL, job).await
}

pub fn resend(context: AsyncContext, input: ResendEmail) -> BoxFuture<ResendEmailAnswer> {
    Box::pin(async move {
        check_enabled(&context.app)?;
        let email = membership::address(&input.email);
        // Every address causes the same work here. The worker decides whether it gets a mail.
        let job = move |tx: &mut Tx<'_>| -> Result<_> {
            mail(tx, &email, json!({ "trial_of": email }))?;
            Ok(ResendEmailAnswer { ok: true })
        };
        context.app.store.write(Shard::CONTROL, job).await
    })
}
