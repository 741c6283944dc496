//! Traces: the spans of calls and deliveries, and the trace that each family of intents belongs to.
//!
//! A call continues the trace of its `traceparent` header (W3C Trace Context). A submitted intent keeps the trace, and
//! pushes and webhooks pass it on, days later and from other nodes. Without a collector, headers are passed on unchanged and
//! nothing is recorded.

use std::sync::Arc;

use axme_intent::{Address, IntentId, Time};
use axme_store::{Tx, traces as store};
use uuid::Uuid;

use crate::engine::receiving;
use crate::error::Result;
use crate::state::AppState;
use crate::system::{Span, SpanKind, Tracer};
use crate::traceparent::Traceparent;

impl AppState {
    /// Begins a span below another one, or a new trace. Returns `None` without a collector.
    pub fn begin_span(&self, kind: SpanKind, parent: Option<Traceparent>) -> Option<OpenSpan> {
        let tracer = self.tracer.get()?.clone();
        let rng = &self.system.rng;
        let fresh = rng.uuid();
        let trace = parent.map_or(*fresh.as_bytes(), |parent| parent.trace);
        let mut span = [0; 8];
        span.copy_from_slice(&rng.uuid().as_bytes()[8..]);
        let is_sampled = parent.map_or_else(|| is_chosen(fresh, tracer.sample_ratio()), |parent| parent.is_sampled);
        let now = self.system.clock.now();
        let span = Span {
            name: String::new(),
            kind,
            own: Traceparent { trace, span, is_sampled },
            parent,
            links: Vec::new(),
            began_at: now,
            ended_at: now,
            attributes: Vec::new(),
            error: None,
        };
        Some(OpenSpan { tracer, span })
    }

    /// Begins a span of the server's own work in the trace of an intent, at a time that may be past. Returns `None` for an
    /// intent without a trace, and without a collector.
    pub fn begin_span_of(&self, kind: SpanKind, trace: Option<&str>, began_at: Time) -> Option<OpenSpan> {
        let mut open = self.begin_span(kind, Some(Traceparent::parse(trace?)?))?;
        open.span.began_at = began_at;
        Some(open)
    }

    /// Records a span for each step of a workflow that ends, from the time when it began to wait.
    pub fn trace_steps(self: &Arc<AppState>) {
        let app = Arc::downgrade(self);
        self.store.report_steps_to(Box::new(move |ended| {
            let Some(app) = app.upgrade() else { return };
            if let Some(mut span) = app.begin_span_of(SpanKind::Internal, Some(&ended.traceparent), ended.began_at) {
                span.set("axme.id", ended.intent.to_string());
                span.set("axme.step", ended.step);
                span.finish("step", ended.ended_at);
            }
        }));
    }

    /// Finds the trace of an intent that the caller has just worked with.
    pub async fn trace_of(&self, workspace: Uuid, address: Option<Address>, id: IntentId) -> Option<Traceparent> {
        let look = move |tx: &mut Tx<'_>| -> Result<_> {
            match receiving::find(tx, workspace, address.as_ref(), id)? {
                Some((_, head)) => Ok(store::find(tx, head.intent.root)?),
                None => Ok(None),
            }
        };
        // A trace is not worth a failure.
        self.store.read(look).await.ok().flatten().and_then(|text| Traceparent::parse(&text))
    }
}

/// Returns true for a share of the ids.
fn is_chosen(id: Uuid, ratio: f64) -> bool {
    let low = id.as_u64_pair().1 & (u64::MAX >> 2);
    (low as f64) < ratio * ((u64::MAX >> 2) as f64)
}

/// A span that has not ended.
pub struct OpenSpan {
    tracer: Arc<dyn Tracer>,
    span: Span,
}

impl OpenSpan {
    /// The span as the header for others carries it.
    pub fn own(&self) -> Traceparent {
        self.span.own
    }

    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.span.attributes.push((name, value.into()));
    }

    pub fn link(&mut self, other: Traceparent) {
        self.span.links.push(other);
    }

    pub fn fail(&mut self, why: impl Into<String>) {
        self.span.error = Some(why.into());
    }

    pub fn finish(mut self, name: impl Into<String>, now: Time) {
        if self.span.own.is_sampled {
            (self.span.name, self.span.ended_at) = (name.into(), now.max(self.span.began_at));
            self.tracer.record(self.span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_new_traces_is_chosen() {
        let chosen = |ratio| {
            (0..4_000u128).filter(|n| is_chosen(Uuid::from_u128(n * 0x9E37_79B9_7F4A_7C15_F39C), ratio)).count()
        };
        assert_eq!((chosen(0.0), chosen(1.0)), (0, 4_000));
        assert!((600..1_400).contains(&chosen(0.25)), "{}", chosen(0.25));
    }
}
