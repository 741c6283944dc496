//! Payload schemas: the payload of a new intent must fit the schemas of its type.

use axme_api::schemas::CompatibilityMode;
use axme_api::{ApiError, ErrorCode, Json};
use axme_intent::searchable::{self, Attributes};
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

/// The findings of schemas about the payload of a new intent.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// The complaints of schemas that only warn.
    pub warnings: Vec<String>,
    /// The values that lists find the intent by.
    pub attributes: Attributes,
}

/// Checks the payload of a new intent, and reads its attributes.
pub(super) fn check(cx: &mut CallContext<'_, '_>, intent_type: &str, to: &Address, payload: &Json) -> Result<Findings> {
    if !Snapshot::of(cx.tx, cx.caller.workspace)?.has_schema(intent_type) {
        return Ok(Findings::default());
    }
    let mut schemas = store::find(cx.tx, cx.caller.workspace, intent_type, to.as_str())?;
    schemas.retain(|schema| schema.active);
    let attributes = searchable::attributes(schemas.iter().map(|schema| &schema.schema_json), payload);
    let value = payload.value();
    let mut warnings = Vec::new();
    for schema in schemas {
        let mode = schema.compatibility_mode;
        let complaints = semantic::complaints(&schema.schema_json, &value, mode);
        if mode == CompatibilityMode::Warn {
            warnings.extend(complaints);
        } else if let Some(first) = complaints.first() {
            let error = ApiError::new(ErrorCode::SchemaInvalid, format!("{intent_type}: {first}"));
            let error = error.with("semantic_type", intent_type).with("schema_hash", schema.schema_hash);
            return Err(error.with("errors", complaints).into());
        }
    }
    Ok(Findings { warnings, attributes })
}
