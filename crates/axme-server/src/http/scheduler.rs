//! One round of a worker on demand, for those whose schedulers want to see what is due.
//!
//! It is for those who run the organization of the key (`org_owner`, `org_admin`), and touches the key's own workspace only.
//! It does nothing that the workers would not do by themselves a moment later; but it makes them work now, and its counts
//! tell how much a workspace has to do. Neither is for everybody, and neither may cross from one tenant to another.

use std::sync::Arc;

use axme_api::roles::Permission;
use axme_api::scheduler::{RECONCILE, Reconcile, Reconciled, Round, Tick, Ticked, WEBHOOK, WORKFLOW};
use axme_api::{Access, ApiError, Object};
use axme_intent::Address;
use axme_intent::human::Via;
use axum::Router;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::http::Response;
use axum::routing::post;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use super::router::{read_body, respond};
use crate::app::App;
use crate::call::{check_access, check_body};
use crate::cx::{CallContext, Caller};
use crate::error::{Result, StoreError};
use crate::ops::tenants::Authority;
use crate::store::Shard;
use crate::store::{queue, webhooks as subscriptions};
use crate::workers::{timers, webhooks};

const MOST: u64 = 500;
const USUAL: u64 = 50;
/// Subscriptions looked at in one round.
const MOST_SUBSCRIPTIONS: i64 = 1_000;

pub fn mount(app: &Arc<App>, router: Router) -> Router {
    let route = |path: &'static str, what: What| {
        let app = app.clone();
        let answer = move |request: HttpRequest| {
            let app = app.clone();
            async move { respond(answer(&app, what, request).await) }
        };
        (path, post(answer))
    };
    let routes =
        [route(WORKFLOW.path, What::Workflow), route(WEBHOOK.path, What::Webhook), route(RECONCILE.path, What::Both)];
    routes.into_iter().fold(router, |router, (path, method)| router.route(path, method))
}

#[derive(Clone, Copy)]
enum What {
    Workflow,
    Webhook,
    Both,
}

async fn answer(app: &Arc<App>, what: What, request: HttpRequest) -> Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let caller = app.keys.identify(&app.store, &parts.headers, app.system.clock.now()).await?;
    check_access(Access::Admin, &caller)?;
    let body = read_body(app, body).await?;
    check_body(&body)?;
    let answer = match what {
        What::Workflow | What::Webhook => {
            let asked: Tick = read(&body)?;
            let (limit, is_dry) = (limit("limit", asked.limit)?, asked.dry_run.unwrap_or(false));
            let is_webhook = matches!(what, What::Webhook);
            let action = if is_webhook { "scheduler.webhook_tick" } else { "scheduler.workflow_tick" };
            admit(app, &caller, action, is_dry).await?;
            let round = if is_webhook {
                send(app, &caller, asked.owner_agent.as_deref(), limit, is_dry).await?
            } else {
                fire(app, caller.workspace, limit, is_dry).await?
            };
            to_json(&Ticked { ok: true, dry_run: is_dry, round })?
        }
        What::Both => {
            let asked: Reconcile = read(&body)?;
            let timers = limit("workflow_limit", asked.workflow_limit)?;
            let events = limit("webhook_limit", asked.webhook_limit)?;
            let is_dry = asked.dry_run.unwrap_or(false);
            admit(app, &caller, "scheduler.reconcile_safety", is_dry).await?;
            let workflow = fire(app, caller.workspace, timers, is_dry).await?;
            let webhook = send(app, &caller, asked.owner_agent.as_deref(), events, is_dry).await?;
            to_json(&Reconciled { ok: true, dry_run: is_dry, workflow, webhook })?
        }
    };
    Ok(super::json(200, answer))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let fields: Object = match body.trim_ascii() {
        b"" => Object::new(),
        body => serde_json::from_slice(body).map_err(|_| ApiError::invalid("the body must be a JSON object"))?,
    };
    Ok(serde_json::from_value(fields.into()).map_err(|error| ApiError::invalid(error.to_string()))?)
}

fn to_json(answer: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(answer).map_err(|e| StoreError::Fault(e.to_string()).into())
}

fn limit(name: &str, asked: Option<u64>) -> Result<u64> {
    match asked.unwrap_or(USUAL) {
        n @ 1..=MOST => Ok(n),
        _ => Err(ApiError::invalid(format!("{name}: must be a whole number from 1 to {MOST}")).into()),
    }
}

/// Refuses those who do not run the organization; a round that is more than a look leaves a line in the audit trail.
async fn admit(app: &Arc<App>, caller: &Arc<Caller>, action: &'static str, is_dry: bool) -> Result<()> {
    let (rng, limits, now) = (app.system.rng.clone(), app.limits.clone(), app.system.clock.now());
    let caller = caller.clone();
    let job = move |tx: &mut crate::store::Tx<'_>| {
        let mut cx = CallContext { tx, caller: &caller, now, rng: &rng, limits: &limits, via: Via::Api };
        Authority::in_org(&mut cx, caller.org)?.check(Permission::ChangeOrganization, None)?;
        if !is_dry {
            cx.audit(action, "workspace", &json!({}))?;
        }
        Ok(())
    };
    app.store.write(Shard::CONTROL, job).await
}

async fn fire(app: &Arc<App>, workspace: Uuid, limit: u64, is_dry: bool) -> Result<Round> {
    let due = timers::list_due(app, workspace, i64::try_from(limit).unwrap_or(0)).await?;
    let due_count = due.len() as u64;
    if is_dry {
        return Ok(Round { due: due_count, done: 0, failed: 0 });
    }
    let failed = timers::fire_all(app, &due).await? as u64;
    Ok(Round { due: due_count, done: due_count - failed, failed })
}

/// An attempt that fails is tried again later, as always.
async fn send(app: &Arc<App>, caller: &Caller, owner: Option<&str>, limit: u64, is_dry: bool) -> Result<Round> {
    let (workspace, now) = (caller.workspace, app.system.clock.now());
    let owner = owner.map(|text| Address::resolve(text, caller.home()));
    let mut known = app.store.read(move |tx| Ok(subscriptions::list(tx, workspace, MOST_SUBSCRIPTIONS)?)).await?;
    known.retain(|subscription| subscription.active && owner.as_ref().is_none_or(|owner| *owner == subscription.owner));
    let mut count = 0;
    for subscription in known {
        let (id, address) = (subscription.id, subscription.address());
        while count < limit {
            let left = i64::try_from(limit - count).unwrap_or(0);
            let found = if is_dry {
                let address = address.clone();
                let look = move |tx: &mut crate::store::Tx<'_>| {
                    Ok(queue::list_due(tx, workspace, &address, now, None, left)?.len())
                };
                app.store.read(look).await?
            } else {
                webhooks::round(app, workspace, id, left).await?
            };
            count += found as u64;
            if found == 0 || is_dry {
                break;
            }
        }
    }
    Ok(Round { due: count, done: if is_dry { 0 } else { count }, failed: 0 })
}
