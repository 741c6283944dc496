//! Payload schemas: the payload of a new intent must fit the schemas of its type.

use axme_api::schemas::CompatibilityMode;
use axme_api::{ApiError, ErrorCode, Json};
use axme_intent::{Address, semantic, sensitive};
use axme_store::intents::Head;
use axme_store::{Tx, schemas as store};
use uuid::Uuid;

use super::snapshot::Snapshot;
use crate::context::CallContext;
use crate::error::{Result, StoreError};

/// Masks the fields of a payload that the active schemas of its type mark as sensitive.
pub fn mask(tx: &mut Tx<'_>, workspace: Uuid, head: &Head, payload: &Json) -> Result<Json, StoreError> {
    if !Snapshot::of(tx, workspace)?.has_schema(&head.intent_type) {
        return Ok(payload.clone());
    }
    let schemas = store::find(tx, workspace, &head.intent_type, head.to.as_str())?;
    let active = schemas.iter().filter(|schema| schema.active);
    Ok(active.fold(payload.clone(), |payload, schema| sensitive::masked(&schema.schema_json, &payload)))
}

/// Checks the payload of a new intent. Returns the complaints of schemas that only warn.
pub(super) fn check(
    cx: &mut CallContext<'_, '_>,
    intent_type: &str,
    to: &Address,
    payload: &Json,
) -> Result<Vec<String>> {
    if !Snapshot::of(cx.tx, cx.caller.workspace)?.has_schema(intent_type) {
        return Ok(Vec::new());
    }
    let payload = payload.value();
    let mut warnings = Vec::new();
    for schema in store::find(cx.tx, cx.caller.workspace, intent_type, to.as_str())? {
        if !schema.active {
            continue;
        }
        let mode = schema.compatibility_mode;
        let complaints = semantic::complaints(&schema.schema_json, &payload, mode);
        if mode == CompatibilityMode::Warn {
            warnings.extend(complaints);
        } else if let Some(first) = complaints.first() {
            let error = ApiError::new(ErrorCode::SchemaInvalid, format!("{intent_type}: {first}"));
            let error = error.with("semantic_type", intent_type).with("schema_hash", schema.schema_hash);
            return Err(error.with("errors", complaints).into());
        }
    }
    Ok(warnings)
}
