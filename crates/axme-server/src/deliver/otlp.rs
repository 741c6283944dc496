//! Sends spans to an OpenTelemetry collector: OTLP over HTTP, in batches, by the official libraries.
//!
//! The collector is named by the settings, so its address is not guarded. If it is slow or away, spans are dropped and no
//! call waits.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use axme_core::system::{Span, SpanKind, Tracer};
use axme_core::traceparent::Traceparent;
use axme_intent::Time;
use axum::body::Bytes;
use opentelemetry::trace::{self as otel, Link, SpanContext, SpanId, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};
use tokio::runtime::Handle;

use crate::config::TraceSettings;

/// The time limit of one request to the collector.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time limit for the last spans when the server stops.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long a span waits for others.
const DELAY: Duration = Duration::from_secs(1);
/// The longest answer of a collector, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The path of traces at a collector.
const PATH: &str = "/v1/traces";

pub(crate) struct Otlp {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    sample_ratio: f64,
}

impl Otlp {
    /// Opens the collector of the settings; `None` if they name none. Nothing is sent yet.
    pub(crate) fn open(settings: &TraceSettings) -> Result<Option<Otlp>, String> {
        let Some(endpoint) = &settings.endpoint else { return Ok(None) };
        let endpoint = endpoint.trim_end_matches('/');
        let endpoint = if endpoint.ends_with(PATH) { endpoint.to_owned() } else { format!("{endpoint}{PATH}") };
        let builder =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().timeout(PATIENCE);
        let client =
            Collector { client: builder.build().map_err(|error| error.to_string())?, runtime: Handle::current() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint)
            .with_timeout(PATIENCE)
            .with_headers(settings.headers()?)
            .build()
            .map_err(|error| format!("traces: {error}"))?;
        let batches = BatchConfigBuilder::default().with_scheduled_delay(DELAY).build();
        let mut processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        processor.set_resource(&Resource::builder_empty().with_service_name("axme").with_attribute(version).build());
        let scope = InstrumentationScope::builder("axme").with_version(env!("CARGO_PKG_VERSION")).build();
        Ok(Some(Otlp { processor, scope, sample_ratio: settings.sample_ratio }))
    }

    /// Sends the last spans. Blocks for a short time.
    pub(crate) fn close(&self) {
        if let Err(error) = self.processor.shutdown_with_timeout(FAREWELL) {
            tracing::debug!(%error, "the last spans were not sent");
        }
    }
}

impl Tracer for Otlp {
    fn record(&self, span: Span) {
        let context = |of: &Traceparent, is_remote| {
            let flags = if of.is_sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
            let (trace, own) = (TraceId::from_bytes(of.trace), SpanId::from_bytes(of.span));
            SpanContext::new(trace, own, flags, is_remote, TraceState::default())
        };
        let mut links = SpanLinks::default();
        links.links = span.links.iter().map(|link| Link::new(context(link, true), Vec::new(), 0)).collect();
        self.processor.on_end(SpanData {
            span_context: context(&span.own, false),
            parent_span_id: span.parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.span)),
            parent_span_is_remote: span.parent.is_some(),
            span_kind: match span.kind {
                SpanKind::Server => otel::SpanKind::Server,
                SpanKind::Client => otel::SpanKind::Client,
                SpanKind::Internal => otel::SpanKind::Internal,
            },
            name: Cow::Owned(span.name),
            start_time: system_time(span.began_at),
            end_time: system_time(span.ended_at),
            attributes: span.attributes.into_iter().map(|(name, value)| KeyValue::new(name, value)).collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status: span.error.map_or(Status::Unset, Status::error),
            instrumentation_scope: self.scope.clone(),
        });
    }

    fn sample_ratio(&self) -> f64 {
        self.sample_ratio
    }
}

fn system_time(at: Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(at.micros()).unwrap_or(0))
}

/// The client of the exporter, whose thread has no runtime of its own.
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let (parts, body) = request.into_parts();
            let request = client.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
            let mut answer = request.send().await?;
            let status = answer.status();
            let mut bytes = Vec::new();
            while let Some(part) = answer.chunk().await? {
                if bytes.len() + part.len() > MAX_ANSWER_BYTES {
                    break;
                }
                bytes.extend_from_slice(&part);
            }
            Ok::<_, HttpError>(Response::builder().status(status).body(bytes.into())?)
        });
        sent.await?
    }
}
