//! Posts that pass on the trace of an intent.

use axme_core::state::AppState;
use axme_core::system::{Post, PostAnswer, PostError, SpanKind};
use axme_core::traceparent::{HEADER, Traceparent};

/// Sends a request with the trace of its intent, and records a span if there is a collector.
pub(crate) async fn post(
    app: &AppState,
    trace: Option<Traceparent>,
    (name, id): (&'static str, &str),
    mut post: Post,
) -> Result<PostAnswer, PostError> {
    let span = trace.and_then(|trace| app.begin_span(SpanKind::Client, Some(trace)));
    if let Some(shown) = span.as_ref().map(|span| span.own()).or(trace) {
        post.headers.push((HEADER, shown.to_string()));
    }
    let answer = app.system.outbound.post(post).await;
    if let Some(mut span) = span {
        span.set("axme.id", id);
        match &answer {
            Ok(answer) => span.set("http.response.status_code", answer.status.to_string()),
            Err(error) => span.fail(error.why()),
        }
        span.finish(name, app.system.clock.now());
    }
    answer
}
