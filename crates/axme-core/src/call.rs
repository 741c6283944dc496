//! The pipeline of every operation, from every edge: REST, MCP or our own tools.
//!
//! 1. Authenticate the caller and charge the call to the caller's rate limit ([`admit`], before a body is read).
//! 2. Authorize the call, and decode its input.
//! 3. Prepare: everything slow or random that can happen outside the transaction.
//! 4. In one transaction, take the idempotency key, run the operation and store the reply.
//!
//! The answer and the signals leave only after the commit. Streams, pages and scheduler routes authenticate and
//! authorize with the same functions.

mod decode;
mod handler;
mod idempotency;
mod unstorable;

use std::net::IpAddr;
use std::sync::Arc;

use axme_api::{Access, ApiError, ErrorCode, OpInfo};
use axme_intent::Address;
use axme_intent::human::Via;
use axme_store::Announcement;
use axme_store::replies::{self, KeyState};

pub use decode::{checked_body, decode_fields};
pub(crate) use handler::async_handler;
pub use handler::{
    AfterCall, AsyncContext, AsyncHandler, Binding, BoxFuture, Encoder, ErasedAsyncHandler, ErasedHandler, Handler,
    Job, KeyField, PrepareContext, PreparedJob, handler,
};
use idempotency::Repeat;
pub use unstorable::storable;

use crate::auth::{Caller, Role, browser, check_person};
use crate::context::CallContext;
use crate::error::{Error, Result, StoreError};
use crate::policy::key_scope::{self, Activity};
use crate::policy::rate_limit::RateLeft;
use crate::policy::tier::{self, Allowance};
use crate::request::{Credentials, Edge, Request, RequestMeta};
use crate::state::AppState;

/// The status and the body of an answer. The status is 200, except for a stored refusal.
pub struct EncodedReply {
    pub status: u16,
    pub body: Vec<u8>,
}

/// The permit of a call: its caller, authenticated once at the edge, and the allowance of the caller's workspace.
pub struct CallPermit {
    pub caller: Arc<Caller>,
    allowance: Option<Allowance>,
    /// The calls that the caller has left; `None` without a limit.
    pub rate: Option<RateLeft>,
}

/// Accounts without an email address that one client may make in a minute, whatever the tier.
const NEWCOMERS_PER_MINUTE: u64 = 5;

/// Authenticates the caller and charges one call of the operation to the caller's rate limit. Public operations are
/// charged to the client's IP address.
pub async fn admit(app: &AppState, info: &OpInfo, meta: &RequestMeta) -> Result<CallPermit> {
    let mut permit = authenticate(app, info.access, meta).await?;
    permit.rate = match (info.access, &permit.allowance) {
        (Access::Public, _) => admit_address(app, info.id, meta.source_ip)?,
        (Access::Newcomer, _) if meta.credentials.is_none() => {
            let now = app.system.clock.now();
            app.limiter.check_address(meta.source_ip, "newcomer", NEWCOMERS_PER_MINUTE, now)?;
            admit_address(app, info.id, meta.source_ip)?
        }
        (_, Some(allowance)) => {
            let rate = allowance.dimensions.requests_per_minute;
            app.limiter.check(&permit.caller.service_account_id, info.id, rate, app.system.clock.now())?
        }
        (_, None) => None,
    };
    Ok(permit)
}

/// Authenticates the caller. Public access ignores credentials, so that a stale one does not block the call.
pub async fn authenticate(app: &AppState, access: Access, meta: &RequestMeta) -> Result<CallPermit> {
    let now = app.system.clock.now();
    let caller = match access {
        Access::Public => Arc::new(Caller::anonymous()),
        _ if meta.credentials.cookie().is_some() => identify(app, &meta.credentials).await?,
        Access::Newcomer if meta.credentials.is_none() => Arc::new(Caller::anonymous()),
        Access::Person if meta.credentials.is_none() => {
            let anonymous = Caller::anonymous();
            check_person(&anonymous)?;
            Arc::new(anonymous)
        }
        Access::Person | Access::Newcomer => app.keys.identify_person(&app.store, &meta.credentials, now).await?,
        _ if meta.edge == Edge::Model => app.keys.identify_client(&app.store, &meta.credentials, now).await?,
        _ => app.keys.identify(&app.store, &meta.credentials, now).await?,
    };
    let allowance = app.allowance(caller.workspace).await?;
    Ok(CallPermit { caller, allowance, rate: None })
}

/// Identifies the caller of credentials that may be those of a browser session, as a stream does from time to time.
pub async fn identify(app: &AppState, credentials: &Credentials) -> Result<Arc<Caller>> {
    let now = app.system.clock.now();
    match credentials.cookie() {
        Some(cookie) => browser::identify(&app.keys, &app.store, cookie, now).await,
        None => app.keys.identify(&app.store, credentials, now).await,
    }
}

/// Charges one call to the rate limit of a client's IP address, or refuses it.
pub fn admit_address(app: &AppState, operation: &str, source: Option<IpAddr>) -> Result<Option<RateLeft>> {
    let per_minute = tier::requests_per_minute(&app.limits);
    app.limiter.check_address(source, operation, per_minute, app.system.clock.now())
}

impl CallPermit {
    /// Charges one call of an MCP tool to the caller's rate limit for tool calls.
    pub fn admit_tool(&self, app: &AppState, tool: &str) -> Result<()> {
        if let Some(allowance) = &self.allowance {
            let now = app.system.clock.now();
            app.limiter.check(&self.caller.service_account_id, tool, allowance.tool_calls_per_minute, now)?;
        }
        Ok(())
    }
}

/// Refuses a caller whose role, or whose key, does not give access to an activity.
pub fn authorize(activity: impl Into<Activity>, caller: &Caller) -> Result<()> {
    let activity = activity.into();
    key_scope::check(&activity, caller)?;
    match (activity.access, caller.role) {
        (Access::Public, _) | (Access::Admin, Role::WorkspaceAdmin) => Ok(()),
        (Access::Newcomer, _) if caller.is_anonymous() => Ok(()),
        (Access::Person | Access::Newcomer, _) => check_person(caller).map(|_| ()),
        (Access::Key, Role::Visitor) => {
            Err(ApiError::forbidden("this needs the member role: ask an admin of the workspace for it").into())
        }
        (Access::Key, _) => Ok(()),
        (Access::Role, Role::Agent) if caller.person().is_some() => Ok(()),
        (Access::Role, Role::Agent) | (Access::Admin, _) => {
            Err(ApiError::forbidden("this needs a workspace-admin key").into())
        }
        (Access::Role, _) => Ok(()),
    }
}

/// Handles a request for one operation.
pub async fn call(
    app: &Arc<AppState>,
    binding: &Binding,
    permit: &CallPermit,
    request: Request,
) -> Result<EncodedReply> {
    let info = binding.info();
    let reply = dispatch(app, binding, permit, request).await;
    if let Err(Error::Api(error)) = &reply {
        let is_listed = info.error_codes().contains(&error.code);
        debug_assert!(is_listed, "{} answers with {}, which its entry in the table does not list", info.id, error.code);
    }
    reply
}

async fn dispatch(
    app: &Arc<AppState>,
    binding: &Binding,
    permit: &CallPermit,
    request: Request,
) -> Result<EncodedReply> {
    let info = binding.info();
    authorize(info, &permit.caller)?;
    match binding {
        Binding::Transaction(handler) => transact(app, *handler, permit, request).await,
        Binding::Async(handler) => {
            let request = decode::checked(request)?;
            let context = AsyncContext {
                app: app.clone(),
                caller: permit.caller.clone(),
                client: request.meta.client.clone(),
                now: app.system.clock.now(),
            };
            // Idempotency keys are ignored here: the answers of these operations hold secrets.
            Ok(EncodedReply { status: 200, body: handler.run(context, &request).await? })
        }
    }
}

/// The outcome of a job. An answer that is not stored is encoded after the transaction.
enum Outcome {
    Fresh(Encoder),
    Stored(EncodedReply),
}

async fn transact(
    app: &Arc<AppState>,
    handler: &dyn ErasedHandler,
    permit: &CallPermit,
    request: Request,
) -> Result<EncodedReply> {
    let info = handler.info();
    let caller = permit.caller.clone();
    check_owner(&request, &caller)?;
    let request = decode::checked(unstorable::repair(request, handler.is_report()))?;
    decode::check_path_fields(&request)?;
    let repeat = Repeat::of(app, handler, &request, &caller)?;
    let payload_bytes = permit.allowance.unwrap_or_default().most_payload_bytes();
    let named = request.query.iter().filter(|(name, _)| name == "consumer").map(|(_, value)| value.as_str());
    let context = PrepareContext {
        owner: request.meta.owner.as_deref().filter(|text| !text.trim().is_empty()),
        caller: &caller,
        edge: request.meta.edge,
        consumer: (&request.meta.consumer, named.collect()),
        now: app.system.clock.now(),
        rng: &app.system.rng,
        limits: &app.limits,
        base_url: &app.site.base_url,
        outbound: app.system.outbound.as_ref(),
        payload_bytes: usize::try_from(payload_bytes).unwrap_or(usize::MAX),
    };
    let PreparedJob { shard, run, after } = handler.begin(&context, &request)?;
    let secret = info.secret;
    let via = via(info, &request.meta.client, &caller);
    let mark = handler.key_field().map(|key| key.mark);
    let (for_job, only_headers, edge) = (caller.clone(), request.meta.only_headers, request.meta.edge);
    let trace = request.meta.trace;
    let key = repeat.as_ref().map(|repeat| repeat.key.clone());
    let job = move |tx: &mut axme_store::Tx<'_>| -> Result<_> {
        let Some(repeat) = &repeat else {
            let mut cx = CallContext::new(tx, &for_job, via).through(edge).traced(trace).at_host(None);
            return run(&mut cx).map(Outcome::Fresh);
        };
        let key = match replies::take_key(tx, &repeat.key, &repeat.fingerprint)? {
            KeyState::Replied(reply) => return repeat.replay(reply, mark).map(Outcome::Stored),
            taken => taken,
        };
        let outcome = run(&mut CallContext::new(tx, &for_job, via).through(edge).traced(trace).at_host(None));
        let (status, body, kept) = match outcome {
            Ok(encode) => (200, encode()?, None),
            Err(Error::Kept(error)) => (error.kind().http_status(), encode(&error.body())?, Some(error)),
            Err(error) => return Err(error),
        };
        replies::put(tx, &repeat.key, &key, &repeat.reply(tx.rng, status, &body, secret)?)?;
        match kept {
            Some(error) => Err(Error::Kept(error)),
            None => Ok(Outcome::Stored(EncodedReply { status, body })),
        }
    };
    let outcome = match info.effect {
        axme_api::Effect::Read => app.read_at_once(&caller.service_account_id, job).await,
        axme_api::Effect::Write => {
            let announcement = Announcement { shard, workspace: caller.workspace, key, waits: false };
            app.store.write_announced(announcement, job).await
        }
    };
    let reply = match outcome? {
        Outcome::Stored(reply) => reply,
        Outcome::Fresh(encode) => EncodedReply { status: 200, body: encode()? },
    };
    if let Some(after) = after.filter(|_| !only_headers) {
        after(app.clone(), caller);
    }
    Ok(reply)
}

/// Encodes an answer as JSON.
fn encode(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| StoreError::Fault(e.to_string()).into())
}

/// Returns the channel of an answer that a person gives through this call.
fn via(info: &OpInfo, client: &str, caller: &Caller) -> Via {
    match info.id.split('.').next() {
        _ if caller.grant.is_some() => Via::Assistant,
        Some("inbox" | "approvals") => Via::Inbox,
        _ if client.starts_with("axme-cli/") => Via::CommandLine,
        _ if client.starts_with("axme-console/") => Via::Form,
        _ => Via::Api,
    }
}

/// Checks that the query names one owner, and the header no other.
fn check_owner(request: &Request, caller: &Caller) -> Result<()> {
    let header = request.meta.owner.as_deref().filter(|text| !text.is_empty());
    if request.query.iter().filter(|(name, _)| name == "owner_agent").count() > 1 {
        let message = "owner_agent is in the query more than once; name one owner";
        return Err(ApiError::new(ErrorCode::OwnerMismatch, message).into());
    }
    let query = request.query.iter().find(|(name, _)| name == "owner_agent").map(|(_, value)| value.as_str());
    let (Some(header), Some(query)) = (header, query.filter(|text| !text.is_empty())) else { return Ok(()) };
    if Address::resolve(header, caller.home()) == Address::resolve(query, caller.home()) {
        return Ok(());
    }
    let message = format!("owner_agent is \"{query}\" in the query and \"{header}\" in x-owner-agent");
    Err(ApiError::new(ErrorCode::OwnerMismatch, message).into())
}
