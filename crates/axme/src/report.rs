//! Reports a failure. Every failure has one shape: for people a line on stderr, and for programs `{"body": {"error": …},
//! "ok": false, "status_code": …}` on stdout (`spec/protocol.md` §3.1). `body` is the server's answer if it refused a call.

use serde_json::{Value, json};

use crate::exit::Ending;
use crate::failure::Failure;
use crate::output::OutputFormat;

/// Prints a failure in a format.
pub(crate) fn report(failure: &Failure, format: OutputFormat) {
    if failure.message.is_empty() {
        return;
    }
    if format == OutputFormat::Text {
        eprintln!("axme: {}", axme_intent::visible::visible(&failure.message));
        return;
    }
    // Nothing can be done about a closed stdout.
    let _ = format.print_unfiltered(&answer(failure));
}

/// Returns the failure as programs read it.
fn answer(failure: &Failure) -> Value {
    let (status, body) = match &failure.refusal {
        Some((status, body)) => (*status, (**body).clone()),
        None => {
            let code = match failure.ending {
                Ending::Usage | Ending::CommandLine => "usage",
                Ending::NotSignedIn | Ending::NoCredential => "not_signed_in",
                Ending::No => "declined",
                Ending::Interrupted => "interrupted",
                _ => "failed",
            };
            (0, json!({ "error": { "code": code, "message": failure.message }, "detail": failure.message }))
        }
    };
    json!({ "body": body, "ok": false, "status_code": status })
}
