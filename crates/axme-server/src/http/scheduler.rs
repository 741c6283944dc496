//! Runs one round of a worker on demand, for external schedulers.
//!
//! The caller must be an owner or admin of the key's organization (`org_owner`, `org_admin`). A round touches only the
//! key's own workspace. It does what the workers would do a moment later. Still, it causes work, and its counts show
//! the load of a workspace, so it must not cross tenants.

use std::sync::Arc;

use axme_api::roles::Permission;
use axme_api::scheduler::{
    RECONCILE, ReconcileRound, ReconcileRoundAnswer, RoundCounts, Tick, TickAnswer, WEBHOOK, WORKFLOW,
};
use axme_api::{ApiError, Number, Object};
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

use super::extract::{meta, read_body};
use super::{Gateway, respond};
use crate::workers::{timers, webhooks};
use axme_core::auth::Caller;
use axme_core::auth::placement::RoleSet;
use axme_core::call::{authenticate, authorize, checked_body, decode_fields};
use axme_core::context::CallContext;
use axme_core::error::{Result, StoreError};
use axme_core::state::AppState;
use axme_store::{Shard, Tx, queue, webhooks as subscriptions};

const USUAL: u64 = 50;
/// Maximum number of subscriptions in one round.
const MAX_SUBSCRIPTIONS: i64 = 1_000;

pub fn routes() -> Router<Gateway> {
    Router::new()
        .route(WORKFLOW.path, post(workflow_tick))
        .route(WEBHOOK.path, post(webhook_tick))
        .route(RECONCILE.path, post(reconcile))
}

async fn workflow_tick(app: State, request: HttpRequest) -> Response<Body> {
    respond(answer(&app, Round::Workflow, request).await)
}

async fn webhook_tick(app: State, request: HttpRequest) -> Response<Body> {
    respond(answer(&app, Round::Webhook, request).await)
}

async fn reconcile(app: State, request: HttpRequest) -> Response<Body> {
    respond(answer(&app, Round::Both, request).await)
}

type State = axum::extract::State<Arc<AppState>>;

#[derive(Clone, Copy)]
enum Round {
    Workflow,
    Webhook,
    Both,
}

async fn answer(app: &Arc<AppState>, round: Round, request: HttpRequest) -> Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let caller = authenticate(app, WORKFLOW.access, &meta(app, &parts)).await?.caller;
    authorize(&WORKFLOW, &caller)?;
    let body = read_body(app, &caller.service_account_id, body).await?.json()?;
    let body = checked_body(&body.bytes)?;
    let answer = match round {
        Round::Workflow | Round::Webhook => {
            let asked: Tick = read(&body)?;
            let (limit, is_dry) = (asked.limit.map_or(USUAL, Number::get), asked.dry_run.unwrap_or(false));
            let is_webhook = matches!(round, Round::Webhook);
            let action = if is_webhook { "scheduler.webhook_tick" } else { "scheduler.workflow_tick" };
            admit(app, &caller, action, is_dry).await?;
            let round = if is_webhook {
                send(app, &caller, asked.owner_agent.as_deref(), limit, is_dry).await?
            } else {
                fire(app, caller.workspace, limit, is_dry).await?
            };
            to_json(&TickAnswer { ok: true, dry_run: is_dry, round })?
        }
        Round::Both => {
            let asked: ReconcileRound = read(&body)?;
            let timers = asked.workflow_limit.map_or(USUAL, Number::get);
            let events = asked.webhook_limit.map_or(USUAL, Number::get);
            let is_dry = asked.dry_run.unwrap_or(false);
            admit(app, &caller, "scheduler.reconcile_safety", is_dry).await?;
            let workflow = fire(app, caller.workspace, timers, is_dry).await?;
            let webhook = send(app, &caller, asked.owner_agent.as_deref(), events, is_dry).await?;
            to_json(&ReconcileRoundAnswer { ok: true, dry_run: is_dry, workflow, webhook })?
        }
    };
    Ok(super::json(200, answer))
}

fn read<T: DeserializeOwned>(body: &str) -> Result<T> {
    let fields: Object = match body {
        "" => Object::new(),
        body => serde_json::from_str(body).map_err(|_| ApiError::invalid("the body must be a JSON object"))?,
    };
    decode_fields(fields)
}

fn to_json(answer: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(answer).map_err(|e| StoreError::Fault(e.to_string()).into())
}

/// Checks that the caller may change the organization. Records an audit event, except for a dry run.
async fn admit(app: &Arc<AppState>, caller: &Arc<Caller>, action: &'static str, is_dry: bool) -> Result<()> {
    let caller = caller.clone();
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let mut cx = CallContext::new(tx, &caller, Via::Api);
        RoleSet::in_org(&mut cx, caller.org)?.check(Permission::ChangeOrganization, None)?;
        if !is_dry {
            cx.audit(action, "workspace", &json!({}))?;
        }
        Ok(())
    };
    app.store.write(Shard::CONTROL, job).await
}

async fn fire(app: &Arc<AppState>, workspace: Uuid, limit: u64, is_dry: bool) -> Result<RoundCounts> {
    let due = timers::list_due(app, workspace, i64::try_from(limit).unwrap_or(0)).await?;
    let due_count = due.len() as u64;
    if is_dry {
        return Ok(RoundCounts { due: due_count, done: 0, failed: 0 });
    }
    let failed = timers::fire_all(app, due).await? as u64;
    Ok(RoundCounts { due: due_count, done: due_count - failed, failed })
}

/// Sends due events. A failed attempt is retried later as usual, so it counts as done.
async fn send(
    app: &Arc<AppState>,
    caller: &Caller,
    owner: Option<&str>,
    limit: u64,
    is_dry: bool,
) -> Result<RoundCounts> {
    let (workspace, now) = (caller.workspace, app.system.clock.now());
    let owner = owner.map(|text| Address::resolve(text, caller.home()));
    let mut known = app.store.read(move |tx| subscriptions::list(tx, workspace, MAX_SUBSCRIPTIONS)).await?;
    known.retain(|subscription| subscription.active && owner.as_ref().is_none_or(|owner| *owner == subscription.owner));
    let mut count = 0;
    for subscription in known {
        let (id, address) = (subscription.id, subscription.address());
        while count < limit {
            let left = i64::try_from(limit - count).unwrap_or(0);
            let found = if is_dry {
                let address = address.clone();
                let look = move |tx: &mut Tx<'_>| -> Result<_> {
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
    Ok(RoundCounts { due: count, done: if is_dry { 0 } else { count }, failed: 0 })
}
