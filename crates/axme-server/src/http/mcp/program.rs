//! The program that sends a request, and the form that it has shown to its person, as the request describes them.

use axme_api::{Json, JsonFields};

/// The name of the only form of a call.
pub(super) const FORM: &str = "answer";

/// The longest name of a program, in characters.
const MAX_NAME_CHARS: usize = 100;
/// The first revision in which a call can return a form.
const WITH_FORMS: &str = "2026-07-28";

/// The program that sends a request, as it describes itself.
pub(super) struct HostProgram {
    /// The name and the version.
    pub name: Option<String>,
    /// True if the program can show a form to its person, and then repeats the call.
    pub shows_forms: bool,
}

impl HostProgram {
    /// Reads the metadata of a request. Before 2026-07-28, programs describe themselves once per session, and the server
    /// keeps none.
    pub(super) fn read(version: &str, params: &JsonFields) -> HostProgram {
        let meta = params.get("_meta").and_then(Json::fields).unwrap_or_default();
        let info = meta.get("io.modelcontextprotocol/clientInfo").and_then(Json::fields).unwrap_or_default();
        let words: Vec<String> = ["name", "version"].iter().filter_map(|word| info.string(word)).collect();
        let name: String = words.join(" ").chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
        let capabilities = meta.get("io.modelcontextprotocol/clientCapabilities");
        let forms = capabilities.and_then(|all| all.field("elicitation")).filter(Json::is_object);
        // A program that names no mode has forms.
        let shows_forms = forms.is_some_and(|modes| modes.field("form").is_some() || modes.field("url").is_none());
        HostProgram {
            name: Some(name.trim().to_owned()).filter(|name| !name.is_empty()),
            shows_forms: shows_forms && version >= WITH_FORMS,
        }
    }
}

/// The form of an earlier call, as a host sends it back.
pub(super) struct FilledForm {
    /// The outcome of the form: `action` and `content`.
    pub result: Option<JsonFields>,
    /// The asking that the host was shown.
    pub asking: Option<String>,
}

impl FilledForm {
    /// Reads the parameters of a call, with numbers as they were sent.
    pub(super) fn read(params: &JsonFields) -> FilledForm {
        let responses = params.get("inputResponses").and_then(Json::fields);
        let result = responses.and_then(|responses| responses.get(FORM)?.fields());
        FilledForm { result, asking: params.string("requestState") }
    }
}
