//! The work of a tool: one operation with the arguments of the host, or several calls.

use axme_api::mcp::tools::{HostTool, Work};
use axme_api::{ApiError, Json, JsonFields};
use axme_core::call::authorize;
use axme_core::policy::key_scope::Activity;

use super::calls::HostCall;
use super::composed;
use super::waits::Reporter;

/// The values of absent arguments, as the official server assumes them.
const DEFAULTS: [(&str, &str, &str); 1] = [("quota_upgrade_request", "requested_tier", "corporate")];

/// Does the work of a tool. Returns its answer.
pub(super) async fn run(call: &HostCall, tool: &HostTool, reporter: &Reporter) -> Result<Json, ApiError> {
    call.permit.admit_tool(&call.app, &tool.name).map_err(|error| error.into_api())?;
    authorize(Activity::of_tool(tool), call.caller()).map_err(|error| error.into_api())?;
    call.check_scope(tool.scope())?;
    let mut arguments = call.arguments.clone();
    match tool.work {
        Work::Composed => composed::run(call, tool, reporter).await,
        Work::Operation(info, fixed) => {
            fixed.iter().for_each(|(name, value)| arguments.set(name, *value));
            for (_, name, value) in DEFAULTS.iter().filter(|(name, ..)| *name == tool.name) {
                set_default(&mut arguments, name, value);
            }
            if tool.name == "workspace_members_list" {
                set_default(&mut arguments, "workspace_id", &call.caller().workspace.to_string());
            }
            call.operate(info.id, arguments).await
        }
        Work::Body(info, name) => {
            let body = match arguments.remove(name) {
                Some(body) => body.fields().ok_or_else(|| ApiError::invalid(format!("{name}: must be an object")))?,
                // A model may send the bundle itself as the arguments.
                None if name == "bundle" && !arguments.is_empty() => std::mem::take(&mut arguments),
                None if name == "bundle" => return Err(ApiError::invalid("bundle: required")),
                None => JsonFields::new(),
            };
            let mut whole = body;
            whole.extend(arguments);
            call.operate(info.id, whole).await
        }
    }
}

fn set_default(arguments: &mut JsonFields, name: &str, value: &str) {
    if arguments.get(name).is_none_or(Json::is_null) {
        arguments.set(name, value);
    }
}
