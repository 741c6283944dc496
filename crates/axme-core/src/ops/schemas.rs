//! Semantic schemas: they constrain the payloads of the intents of a type.
//!
//! A schema applies to the whole workspace, or to the intents to its owner: an agent defines only what it accepts
//! itself. If both exist, both are enforced. Types without a schema are not checked, and a workspace without schemas
//! has no extra cost.

use axme_api::ApiError;
use axme_api::schemas::{GetSchema, SchemaAnswer, SchemaScope, SchemaView, UpsertSchema};
use axme_intent::Address;
use axme_intent::semantic;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{address, check_chars};
use crate::ops::inbox::owner;
use crate::policy::quota;
use crate::policy::quota::Dimension;
use crate::policy::snapshot;
use axme_store::schemas::Schema;
use axme_store::{hex, schemas as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::schemas::UPSERT, prepare_upsert, upsert)),
    Binding::Transaction(&handler(&axme_api::schemas::GET, prepare_get, get)),
];

/// Maximum schemas per workspace.
const MAX_SCHEMAS: i64 = 1_000;
const MAX_TYPE_CHARS: usize = 255;

pub(crate) fn prepare_upsert(context: &PrepareContext<'_>, input: UpsertSchema) -> Result<Schema> {
    let owner = owner(context, input.owner_agent.as_deref())?;
    if !is_semantic_type(&input.semantic_type) {
        let message = "semantic_type: must be three or more parts of a-z, 0-9 and '_', and a version, such as a.b.c.v1";
        return Err(ApiError::invalid(message).into());
    }
    check_chars("schema_ref", input.schema_ref.as_deref(), 1, 512)?;
    let scope = input.scope.unwrap_or(SchemaScope::Tenant);
    let owner = match scope {
        SchemaScope::Tenant => owner.map(Address::into_string).unwrap_or_default(),
        SchemaScope::Core if context.caller.is_admin() => String::new(),
        SchemaScope::Core => return Err(ApiError::forbidden("scope: core requires a workspace-admin key").into()),
    };
    let schema_json = Value::Object(input.schema_json);
    semantic::check_schema(&schema_json).map_err(|why| ApiError::invalid(format!("schema_json: {why}")))?;
    let mut sorted = schema_json.clone();
    sorted.sort_all_objects();
    let schema = Schema {
        workspace: context.caller.workspace,
        schema_ref: input.schema_ref.unwrap_or_else(|| format!("schema://{}", input.semantic_type)),
        semantic_type: input.semantic_type,
        owner,
        schema_hash: hex(&Sha256::digest(sorted.to_string())),
        schema_json,
        compatibility_mode: input.compatibility_mode,
        scope,
        active: input.active.unwrap_or(true),
        created_at: context.now,
        updated_at: context.now,
    };
    Ok(schema)
}

fn is_semantic_type(text: &str) -> bool {
    let mut parts: Vec<&str> = text.split('.').collect();
    let version = parts.pop().and_then(|last| last.strip_prefix('v')).unwrap_or_default();
    let is_plain = |part: &&str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    text.len() <= MAX_TYPE_CHARS
        && parts.len() >= 3
        && parts.iter().all(is_plain)
        && !version.is_empty()
        && version.chars().all(|c| c.is_ascii_digit())
}

pub fn upsert(cx: &mut CallContext<'_, '_>, fresh: &Schema) -> Result<SchemaAnswer> {
    quota::charge(cx.tx, fresh.workspace, Dimension::SchemaWrites, 1)?;
    let known = store::find(cx.tx, fresh.workspace, &fresh.semantic_type, &fresh.owner)?;
    let old = known.into_iter().find(|known| known.owner == fresh.owner);
    if old.is_none() && store::count(cx.tx, fresh.workspace)? >= MAX_SCHEMAS {
        return Err(ApiError::invalid(format!("a workspace may have at most {MAX_SCHEMAS} schemas")).into());
    }
    let schema = Schema { created_at: old.map_or(fresh.created_at, |old| old.created_at), ..fresh.clone() };
    store::put(cx.tx, &schema)?;
    let line = json!({
        "owner": schema.owner, "schema_hash": schema.schema_hash, "compatibility_mode": schema.compatibility_mode,
        "active": schema.active,
    });
    cx.audit("schemas.upsert", &schema.semantic_type, &line)?;
    snapshot::changed(cx.tx, schema.workspace)?;
    Ok(SchemaAnswer { ok: true, schema: SchemaView { schema_json: None, ..view(schema) } })
}

pub(crate) fn prepare_get(context: &PrepareContext<'_>, input: GetSchema) -> Result<(String, String)> {
    let named = input.owner_agent.as_deref().or(context.owner);
    let named = named.map(|text| address(text, "owner_agent", context.caller.home())).transpose()?;
    let owner = named.or_else(|| context.caller.address.clone()).map(Address::into_string).unwrap_or_default();
    Ok((input.semantic_type, owner))
}

/// Returns a schema to any caller in the workspace, because senders must know what receivers accept.
pub fn get(cx: &mut CallContext<'_, '_>, (semantic_type, owner): &(String, String)) -> Result<SchemaAnswer> {
    let found = store::find(cx.tx, cx.caller.workspace, semantic_type, owner)?.into_iter().next();
    let found = found.ok_or_else(|| ApiError::not_found(format!("schema {semantic_type}")))?;
    Ok(SchemaAnswer { ok: true, schema: view(found) })
}

fn view(schema: Schema) -> SchemaView {
    SchemaView {
        semantic_type: schema.semantic_type,
        schema_ref: schema.schema_ref,
        schema_hash: schema.schema_hash,
        compatibility_mode: schema.compatibility_mode,
        scope: schema.scope,
        owner_agent: Some(schema.owner).filter(|owner| !owner.is_empty()),
        active: schema.active,
        schema_json: schema.schema_json.as_object().cloned(),
        created_at: schema.created_at.into(),
        updated_at: schema.updated_at.into(),
    }
}
