//! One request of a host with its caller, and the operations that its tool calls.

use std::sync::{Arc, OnceLock};

use axme_api::mcp::selection::Selection;
use axme_api::mcp::tools::{HostTool, PLACEMENT};
use axme_api::openapi::input_fields;
use axme_api::{Access, ApiError, Effect, ErrorCode, Json, JsonFields, Scope};
use axme_core::auth::Caller;
use axme_core::call::{self, CallPermit};
use axme_core::policy::key_scope::Activity;
use axme_core::request::{KeyHeader, RequestMeta};
use axme_core::state::AppState;
use serde_json::Value;

use super::operations::request_of;
use super::program::{FilledForm, HostProgram};

/// A request of a host.
pub(super) struct HostCall {
    pub app: Arc<AppState>,
    pub permit: CallPermit,
    pub meta: RequestMeta,
    /// The tools that a list shows.
    pub selection: Selection,
    /// The people whom `permission_prompt` asks.
    pub approvers: Vec<String>,
    /// The arguments of the tool, with numbers as they were sent.
    pub arguments: JsonFields,
    /// The structured result of the tool, with exact numbers.
    pub exact: OnceLock<Json>,
    pub host: HostProgram,
    /// The form that an earlier call of the tool returned, filled in.
    pub filled: FilledForm,
}

impl HostCall {
    pub(super) fn caller(&self) -> &Caller {
        &self.permit.caller
    }

    /// Returns true if a list shows the tool to the caller.
    pub(super) fn may_call(&self, tool: &HostTool) -> bool {
        let is_allowed = call::authorize(Activity::of_tool(tool), self.caller()).is_ok();
        is_allowed && self.check_scope(tool.scope()).is_ok() && (!tool.decides || self.caller().is_granted_to_decide())
    }

    /// Refuses work that the person has not given the client. Without a grant, the caller's role alone decides.
    pub(super) fn check_scope(&self, scope: Scope) -> Result<(), ApiError> {
        match &self.caller().grant {
            Some(grant) if !grant.allows(scope) => Err(ApiError::forbidden(format!(
                "the person has not given this client the scope {scope}: connect it again and allow that"
            ))),
            _ => Ok(()),
        }
    }

    /// Returns true while the credential of the request is valid. A long answer ends with it.
    pub(super) async fn is_still_valid(&self) -> bool {
        call::authenticate(&self.app, Access::Key, &self.meta).await.is_ok()
    }

    /// Calls an operation with flat arguments, as its route does.
    pub(super) async fn operate(&self, id: &str, mut arguments: JsonFields) -> Result<Json, ApiError> {
        let binding = axme_core::ops::find(id).ok_or_else(ApiError::internal)?;
        let info = binding.info();
        // Resources and tasks come here without a tool.
        if info.effect == Effect::Read {
            self.check_scope(Scope::Read)?;
        }
        let meta = self.meta_of(binding, &mut arguments)?;
        let request = request_of(info, arguments, meta).map_err(ApiError::invalid)?;
        let reply = call::call(&self.app, binding, &self.permit, request).await.map_err(|error| error.into_api())?;
        let data: Json = serde_json::from_slice(&reply.body).map_err(|_| ApiError::internal())?;
        if reply.status == 200 { Ok(data) } else { Err(stored_refusal(&data.value())) }
    }

    /// Moves the arguments that are headers on a route into the headers, and fills in the caller's place.
    fn meta_of(&self, binding: &call::Binding, arguments: &mut JsonFields) -> Result<RequestMeta, ApiError> {
        let fields = input_fields(binding.info());
        let has = |name: &str| fields.iter().any(|field| field.name == name);
        let mut meta = self.meta.clone();
        let mut header = |name: &str| -> Result<Option<String>, ApiError> {
            let value = if has(name) { None } else { arguments.remove(name) };
            let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
            let text = value.string().filter(|text| text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            text.map(Some).ok_or_else(|| ApiError::invalid(format!("{name}: must be plain ASCII text")))
        };
        if let Some(key) = header("idempotency_key")? {
            meta.idempotency_key = KeyHeader::Text(key);
        }
        if let Some(owner) = header("owner_agent")? {
            meta.owner = Some(owner);
        }
        let caller = self.caller();
        for (name, own) in PLACEMENT.into_iter().zip([caller.org, caller.workspace]) {
            let is_needed = fields.iter().any(|field| field.name == name && field.is_required);
            if is_needed && arguments.get(name).is_none_or(Json::is_null) && !own.is_nil() {
                arguments.set(name, own.to_string());
            }
        }
        Ok(meta)
    }

    /// Returns a text argument that must be there.
    pub(super) fn required(&self, name: &str) -> Result<String, ApiError> {
        let text = self.arguments.string(name).filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| ApiError::invalid(format!("{name}: required, as text")))
    }
}

/// Returns a refusal that was stored for an idempotency key.
fn stored_refusal(body: &Value) -> ApiError {
    let error = &body["error"];
    let code = error["code"].as_str().and_then(ErrorCode::parse).unwrap_or(ErrorCode::InternalError);
    let mut refusal = ApiError::new(code, error["message"].as_str().unwrap_or_default());
    refusal.details = error["details"].as_object().cloned().unwrap_or_default();
    refusal
}

/// Returns arguments with one text.
pub(super) fn with(name: &str, value: &str) -> JsonFields {
    JsonFields::new().with(name, value)
}
