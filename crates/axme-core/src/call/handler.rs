//! Handlers: they bind an operation of the table to its functions. A [`Handler`] runs in one transaction, an
//! [`AsyncHandler`] in several. The pipeline sees both type-erased.

use std::pin::Pin;
use std::sync::Arc;

use axme_api::{JsonFields, Op, OpInfo};
use axme_intent::Time;
use axme_store::consumers::ConsumerName;
use axme_store::{Limits, Rng, Shard};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::decode::{decode, decode_directly};
use super::encode;
use super::unstorable::IsReport;
use crate::auth::Caller;
use crate::consumers;
use crate::context::CallContext;
use crate::error::Result;
use crate::input::check_bytes;
use crate::request::{Edge, Request};
use crate::state::AppState;
use crate::system::Outbound;

/// The context of `prepare`, before the transaction.
pub struct PrepareContext<'a> {
    /// The value of `x-owner-agent`, if sent.
    pub owner: Option<&'a str>,
    pub caller: &'a Arc<Caller>,
    /// The edge of the call.
    pub edge: Edge,
    /// The names of consumers in the header and in the query.
    pub consumer: (&'a [Option<String>], Vec<&'a str>),
    pub now: Time,
    pub rng: &'a Rng,
    pub limits: &'a Limits,
    /// The public URL of the server, without a slash at the end.
    pub base_url: &'a str,
    pub outbound: &'a dyn Outbound,
    /// The longest payload or result that the caller's workspace may send.
    pub payload_bytes: usize,
}

impl PrepareContext<'_> {
    /// Returns the client that raises an intent where a model may choose the call: the client of a grant, or the account.
    pub(crate) fn client(&self) -> Option<String> {
        match &self.caller.grant {
            Some(grant) => Some(grant.client.clone()),
            None => (self.edge == Edge::Model).then(|| self.caller.service_account_id.clone()),
        }
    }

    /// Returns the consumer that calls, if it is named. `field` is the name in the input.
    pub(crate) fn consumer(&self, field: Option<&str>) -> Result<Option<ConsumerName>> {
        let (header, query) = &self.consumer;
        let fields: Vec<&str> = query.iter().copied().chain(field).collect();
        Ok(consumers::read_name(header, &fields)?)
    }

    /// Refuses a payload or a result that exceeds the limit of the caller's workspace.
    pub(crate) fn check_payload(&self, what: &str, value: &impl Serialize) -> Result<()> {
        check_bytes(what, value, self.payload_bytes)
    }
}

/// Answers a call in its transaction, from the prepared value.
type Run<P, O> = fn(&mut CallContext<'_, '_>, &P) -> Result<O>;

/// Parses a body straight into the input. `None` sends the body to the general decoder, which explains the error.
type ReadBody<I> = fn(&[u8]) -> Option<I>;

/// An operation in one transaction.
///
/// `prepare` turns the input into the value that the transaction needs. `run` does the work. It may run more than once,
/// so it takes that value by reference.
pub struct Handler<I: 'static, O: 'static, P> {
    op: &'static Op<I, O>,
    prepare: fn(&PrepareContext<'_>, I) -> Result<P>,
    run: Run<P, O>,
    shard: fn(&P) -> Shard,
    key_field: Option<KeyField>,
    read_directly: Option<ReadBody<I>>,
    is_report: Option<IsReport>,
    after: Option<fn(&P) -> AfterCall>,
}

/// A body field that may hold an idempotency key, and the mark of a repeated answer.
#[derive(Clone, Copy)]
pub struct KeyField {
    pub field: &'static str,
    pub mark: fn(&mut JsonFields),
}

/// Work that starts after the commit. The answer does not wait for it.
pub type AfterCall = Box<dyn FnOnce(Arc<AppState>, Arc<Caller>) + Send>;

/// Binds an operation to its functions. Its writes go to the control shard.
pub const fn handler<I, O, P>(
    op: &'static Op<I, O>,
    prepare: fn(&PrepareContext<'_>, I) -> Result<P>,
    run: Run<P, O>,
) -> Handler<I, O, P> {
    assert!(!op.info.is_async, "the table says that the operation spans several transactions");
    let shard = |_: &P| Shard::CONTROL;
    Handler { op, prepare, run, shard, key_field: None, read_directly: None, is_report: None, after: None }
}

impl<I: DeserializeOwned, O, P> Handler<I, O, P> {
    /// Sets the shard of the call's writes.
    pub const fn on(mut self, shard: fn(&P) -> Shard) -> Handler<I, O, P> {
        self.shard = shard;
        self
    }

    pub(crate) const fn key_field(mut self, field: &'static str, mark: fn(&mut JsonFields)) -> Handler<I, O, P> {
        self.key_field = Some(KeyField { field, mark });
        self
    }

    /// Parses the input straight from the body if the request has nothing else. It is meant for frequent operations,
    /// since each such input is compiled twice.
    pub(crate) const fn read_directly(mut self) -> Handler<I, O, P> {
        self.read_directly = Some(|body| serde_json::from_slice(body).ok());
        self
    }

    /// Marks an operation that accepts reports, such as of a failure. Their text is made storable.
    pub(crate) const fn reports(mut self, is_report: IsReport) -> Handler<I, O, P> {
        self.is_report = Some(is_report);
        self
    }

    pub const fn after(mut self, after: fn(&P) -> AfterCall) -> Handler<I, O, P> {
        self.after = Some(after);
        self
    }
}

/// A type-erased operation, so that the pipeline is compiled once and not once per operation.
pub trait ErasedHandler: Sync {
    fn info(&self) -> &'static OpInfo;
    fn key_field(&self) -> Option<KeyField>;
    /// Recognizes the reports among the bodies of the operation, if it accepts any.
    fn is_report(&self) -> Option<IsReport>;
    /// Decodes the input and prepares the job.
    fn begin(&self, context: &PrepareContext<'_>, request: &Request) -> Result<PreparedJob>;
}

/// A job ready for its transaction.
pub struct PreparedJob {
    pub shard: Shard,
    pub run: Job,
    pub after: Option<AfterCall>,
}

/// The work inside the transaction. It may run more than once.
pub type Job = Box<dyn Fn(&mut CallContext<'_, '_>) -> Result<Encoder> + Send>;

/// An answer that is not encoded yet.
pub type Encoder = Box<dyn FnOnce() -> Result<Vec<u8>> + Send>;

impl<I, O, P> ErasedHandler for Handler<I, O, P>
where
    I: DeserializeOwned + 'static,
    O: Serialize + Send + 'static,
    P: Send + 'static,
{
    fn info(&self) -> &'static OpInfo {
        &self.op.info
    }

    fn key_field(&self) -> Option<KeyField> {
        self.key_field
    }

    fn is_report(&self) -> Option<IsReport> {
        self.is_report
    }

    fn begin(&self, context: &PrepareContext<'_>, request: &Request) -> Result<PreparedJob> {
        let directly = self.read_directly.and_then(|read| decode_directly(self.op.info.input, request, read));
        let input = match directly {
            Some(input) => input,
            None => decode(&self.op.info, request)?,
        };
        let prepared = (self.prepare)(context, input)?;
        let (shard, after) = ((self.shard)(&prepared), self.after.map(|after| after(&prepared)));
        let run = self.run;
        let job = move |cx: &mut CallContext<'_, '_>| {
            let output = run(cx, &prepared)?;
            Ok(Box::new(move || encode(&output)) as Encoder)
        };
        Ok(PreparedJob { shard, run: Box::new(job), after })
    }
}

/// An operation with several transactions: between them it signs, hashes or calls another server.
pub struct AsyncHandler<I: 'static, O: 'static> {
    op: &'static Op<I, O>,
    run: fn(AsyncContext, I) -> BoxFuture<O>,
}

pub(crate) const fn async_handler<I, O>(
    op: &'static Op<I, O>,
    run: fn(AsyncContext, I) -> BoxFuture<O>,
) -> AsyncHandler<I, O> {
    assert!(op.info.is_async, "the table says that the operation is one transaction");
    AsyncHandler { op, run }
}

/// The future of an answer.
pub type BoxFuture<O> = Pin<Box<dyn Future<Output = Result<O>> + Send>>;

/// The context of an [`AsyncHandler`].
pub struct AsyncContext {
    pub app: Arc<AppState>,
    /// The anonymous caller for a public operation.
    pub caller: Arc<Caller>,
    /// The calling program, as `x-axme-client` names it.
    pub client: String,
    pub now: Time,
}

/// A type-erased [`AsyncHandler`].
pub trait ErasedAsyncHandler: Sync {
    fn info(&self) -> &'static OpInfo;
    fn run(&self, context: AsyncContext, request: &Request) -> BoxFuture<Vec<u8>>;
}

impl<I, O> ErasedAsyncHandler for AsyncHandler<I, O>
where
    I: DeserializeOwned + 'static,
    O: Serialize + Send + 'static,
{
    fn info(&self) -> &'static OpInfo {
        &self.op.info
    }

    fn run(&self, context: AsyncContext, request: &Request) -> BoxFuture<Vec<u8>> {
        match decode(&self.op.info, request) {
            Ok(input) => {
                let output = (self.run)(context, input);
                Box::pin(async move { encode(&output.await?) })
            }
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

/// An operation of the table, bound to its handler.
pub enum Binding {
    Transaction(&'static dyn ErasedHandler),
    Async(&'static dyn ErasedAsyncHandler),
}

impl Binding {
    pub fn info(&self) -> &'static OpInfo {
        match self {
            Binding::Transaction(handler) => handler.info(),
            Binding::Async(handler) => handler.info(),
        }
    }

    /// Returns true if the body is a report, whose text is made storable.
    pub fn is_report(&self, body: &JsonFields) -> bool {
        match self {
            Binding::Transaction(handler) => handler.is_report().is_some_and(|is_report| is_report(body)),
            Binding::Async(_) => false,
        }
    }
}
