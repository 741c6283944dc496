//! The workspace that a call names.

use serde::{Deserialize, Serialize};

use crate::{Id, lenient};

/// A workspace and its organization, as a caller names them. Flattened into inputs, so that its schema has no
/// description: it would become that of the input.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = ""))]
pub struct WorkspaceRef {
    /// The id of the organization; the caller's own by default. The slug of the caller's own is accepted too.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<IdOrSlug>"))]
    pub org_id: Option<Id>,
    /// The id of the workspace; the caller's own by default. Required with another organization. The slug of the
    /// caller's own is accepted too.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<IdOrSlug>"))]
    pub workspace_id: Option<Id>,
}

impl WorkspaceRef {
    /// Returns the reference to a workspace of an organization.
    pub fn new(org_id: impl Into<Id>, workspace_id: impl Into<Id>) -> WorkspaceRef {
        WorkspaceRef { org_id: Some(org_id.into()), workspace_id: Some(workspace_id.into()) }
    }

    /// The schema for inputs of which the workspace is not the first part.
    #[cfg(feature = "schema")]
    pub(crate) fn own_unless_given(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        <WorkspaceRef as schemars::JsonSchema>::json_schema(generator)
    }
}

/// The schema of the id of an organization or a workspace. The slug of the caller's own is accepted in its place.
#[cfg(feature = "schema")]
pub(crate) struct IdOrSlug;

#[cfg(feature = "schema")]
impl schemars::JsonSchema for IdOrSlug {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IdOrSlug".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "anyOf": [
            { "type": "string", "format": "uuid" },
            { "type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "minLength": 2, "maxLength": 63 },
        ] })
    }
}
