//! Generates `docs/errors.md` from the registry of error codes, the table of operations and the plain routes.

use std::collections::BTreeMap;

use crate::{ErrorCode, plain_routes};

/// Maximum number of operations and routes that a line names; a code of more has "many".
const MAX_NAMES: usize = 5;

const INTRODUCTION: &str = "# Errors

<!-- Generated from the registry in crates/axme-types/src/error_code.rs and the table of operations:
     `UPDATE=1 cargo test -p axme-api` writes it anew. -->

Every error of the API has the same body:

```json
{\"ok\": false,
 \"error\": {\"code\": \"not_found\", \"message\": \"intent not found\", \"details\": {}},
 \"detail\": \"intent not found\",
 \"message\": \"intent not found\"}
```

- `error.code` is for programs: branch on it, and on the HTTP status. A code never changes its meaning, and each code has one status.
- `error.message` says what is wrong and what to do, for people. It may change. `detail` and `message` repeat it.
- `error.details` is an object with facts for programs, such as `retry_after_seconds`.

[The protocol](../spec/protocol.md#15-errors) describes the body (§1.5), the statuses (§1.6) and the errors inside intents (§1.5).
A client may repeat reads, and writes that carry an `Idempotency-Key`, after 429, 500 and 503.

The last column names the operations and routes that answer with the code, if there are at most five. `GET /openapi.json` lists the codes
of each.
";

/// Returns the page as Markdown: a table of codes for each HTTP status.
pub fn errors_page() -> String {
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in ErrorCode::ALL {
        by_status.entry(code.kind().http_status()).or_default().push(*code);
    }
    let users = users();
    let mut page = INTRODUCTION.to_owned();
    for (status, codes) in by_status {
        page.push_str(&format!(
            "\n## {status} {}\n\n| code | meaning | what to do | answered by |\n|---|---|---|---|\n",
            reason(status)
        ));
        for code in codes {
            let (meaning, action) = (code.meaning(), code.action());
            let users = users.get(&code).map_or(&[][..], Vec::as_slice);
            page.push_str(&format!("| `{code}` | {meaning} | {action} | {} |\n", named(users)));
        }
    }
    page
}

/// Returns the operations and routes that answer with each code, in the order of the table.
fn users() -> BTreeMap<ErrorCode, Vec<String>> {
    let mut users: BTreeMap<ErrorCode, Vec<String>> = BTreeMap::new();
    for op in crate::table() {
        for code in op.info().error_codes() {
            users.entry(code).or_default().push(format!("`{}`", op.info().id));
        }
    }
    for route in crate::routes() {
        for code in plain_routes::error_codes(&route) {
            users.entry(code).or_default().push(format!("`{} {}`", route.method.as_str(), route.path));
        }
    }
    users
}

fn named(users: &[String]) -> String {
    match users.len() {
        0 => "no operation".to_owned(),
        1..=MAX_NAMES => users.join(", "),
        _ => "many".to_owned(),
    }
}

/// Returns the name of an HTTP status.
fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "",
    }
}
