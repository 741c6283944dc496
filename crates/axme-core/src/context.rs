//! The context of one call inside its transaction. There, an operation reaches the store, the clock and randomness only
//! through it.

use std::sync::Arc;

use axme_intent::human::{AnswerClient, Via};
use axme_intent::{IntentId, Time};
use axme_store::{Limits, Rng, StoreError, Tx, audit, traces};
use uuid::Uuid;

use crate::auth::Caller;
use crate::request::Edge;
use crate::traceparent::Traceparent;

/// The context of an operation: the open transaction, the caller and the channel. Time, randomness and limits are those
/// of the transaction, repeated here so that they are usable while `tx` is borrowed.
pub struct CallContext<'a, 'tx> {
    pub tx: &'a mut Tx<'tx>,
    pub caller: &'a Caller,
    /// The channel of the answer, if the call answers for a person.
    pub via: Via,
    /// The client that answers in the name of the person.
    pub through: Option<AnswerClient>,
    pub edge: Edge,
    /// The span that the call belongs to.
    pub trace: Option<Traceparent>,
    pub now: Time,
    pub rng: &'tx Rng,
    pub limits: &'tx Arc<Limits>,
}

impl<'a, 'tx> CallContext<'a, 'tx> {
    pub fn new(tx: &'a mut Tx<'tx>, caller: &'a Caller, via: Via) -> CallContext<'a, 'tx> {
        let (now, rng, limits) = (tx.now, tx.rng, tx.limits);
        CallContext { tx, caller, via, through: None, edge: Edge::default(), trace: None, now, rng, limits }
    }

    /// Names the client of the person's grant, and the program that showed the person a form.
    pub(crate) fn at_host(mut self, host: Option<String>) -> CallContext<'a, 'tx> {
        self.through = self.caller.grant.as_ref().map(|grant| AnswerClient { client: grant.client.clone(), host });
        self
    }

    /// Sets the edge of the call.
    pub fn through(mut self, edge: Edge) -> CallContext<'a, 'tx> {
        self.edge = edge;
        self
    }

    /// Sets the span that the call belongs to.
    pub(crate) fn traced(mut self, trace: Option<Traceparent>) -> CallContext<'a, 'tx> {
        self.trace = trace;
        self
    }

    /// Records the trace of the call for a new family of intents.
    pub(crate) fn note_trace(&mut self, root: IntentId) -> Result<(), StoreError> {
        match self.trace {
            Some(trace) => traces::insert(self.tx, self.caller.workspace, root, &trace.to_string()),
            None => Ok(()),
        }
    }

    /// Writes an audit event in the transaction of the change that it reports.
    pub fn audit(&mut self, action: &str, subject: &str, details: &serde_json::Value) -> Result<(), StoreError> {
        self.audit_in(self.caller.workspace, action, subject, details)
    }

    /// Writes an audit event into the trail of another workspace, or of an organization as a whole.
    pub(crate) fn audit_in(
        &mut self,
        trail: Uuid,
        action: &str,
        subject: &str,
        details: &serde_json::Value,
    ) -> Result<(), StoreError> {
        let event = audit::AuditEvent {
            trail,
            id: self.tx.uuid(),
            at: self.now,
            actor: self.caller.actor(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            details: details.clone(),
        };
        audit::insert(self.tx, &event)
    }
}
