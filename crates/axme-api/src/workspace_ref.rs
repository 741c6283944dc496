//! Which workspace a call is about.

use serde::{Deserialize, Serialize};

use crate::lenient;

/// A workspace and its organization, as a caller names them; the caller's own workspace unless given. Flattened into inputs,
/// so that its schema has no description: it would become that of the input.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = ""))]
pub struct WorkspaceRef {
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
}

impl WorkspaceRef {
    pub fn new(org_id: impl Into<String>, workspace_id: impl Into<String>) -> WorkspaceRef {
        WorkspaceRef { org_id: Some(org_id.into()), workspace_id: Some(workspace_id.into()) }
    }

    /// The schema for operations whose published description names the default.
    #[cfg(feature = "schema")]
    pub(crate) fn own_unless_given(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "properties": {
                "org_id": { "type": ["string", "null"], "description": "The key's own workspace unless given." },
                "workspace_id": { "type": ["string", "null"] },
            },
        })
    }
}
