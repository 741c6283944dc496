//! Accepts connections and bounds them. Their number is limited in total and per address. Headers must arrive in time, and
//! a client must read its answers.
//!
//! The first bytes of a connection, or TLS, choose HTTP/1.1 or HTTP/2. With HTTP/2, one connection would multiply everything
//! that a connection may hold. So each of its requests takes a place of its own ([`multiplex`]).

mod multiplex;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axme_api::ApiError;
use axme_core::policy::rate_limit::network;
use axme_core::state::AppState;
use axme_intent::Time;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request as HttpRequest};
use axum::http::{Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Sleep;
use tower::{Service, ServiceExt};

use multiplex::{Neglect, OpenRequests};

use super::refusal;
use super::tls::Tls;

/// The longest headers of a request, and the buffers of a connection, in bytes.
const BUFFER_BYTES: usize = 32 * 1024;
/// The bytes of bodies that a client of HTTP/2 may send before they are read: of one request, and of a connection.
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 128 * 1024;
/// The requests that a client of HTTP/2 may take back before they have begun. Beyond it, the connection ends.
const MAX_RESETS: usize = 50;
/// The pause after a connection could not be accepted: as a rule there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// The pause between two log lines about refused connections.
const WARN_SECONDS: u64 = 60;

/// A service that answers every request.
pub trait Answers:
    Service<HttpRequest, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> Answers for S where
    S: Service<HttpRequest, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

/// Serves until the server stops, then finishes the connections in progress.
pub async fn serve<S: Answers>(listener: TcpListener, service: S, app: Arc<AppState>, tls: Option<Arc<Tls>>) {
    let places = Arc::new(OpenConnections::default());
    let (open, is_open) = watch::channel(());
    let mut warned_at = None;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = app.stopped() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // The client has already gone.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // A refused client learns it at once: the connection closes.
        let Some(place) = places.take(&app, peer.ip()) else {
            warn_of_refusal(&app, &mut warned_at, peer.ip());
            continue;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "could not set TCP_NODELAY on a connection");
        }
        let (service, app, is_open, tls) = (service.clone(), app.clone(), is_open.clone(), tls.clone());
        let places = places.clone();
        tokio::spawn(async move {
            let _held = (place, Counted::new(&app), is_open);
            let Some(tls) = tls else { return answer(stream, peer, service, (&app, &places)).await };
            // A handshake has as long as the headers of a request. One that fails is the client's fault.
            let patience = Duration::from_secs(app.limits.header_seconds);
            if let Ok(Ok(stream)) = tokio::time::timeout(patience, tls.acceptor().accept(stream)).await {
                answer(stream, peer, service, (&app, &places)).await;
            }
        });
    }
    drop((listener, is_open));
    open.closed().await;
}

fn warn_of_refusal(app: &AppState, warned_at: &mut Option<Time>, address: IpAddr) {
    let now = app.system.clock.now();
    if warned_at.is_none_or(|at| at.plus_seconds(WARN_SECONDS) <= now) {
        *warned_at = Some(now);
        tracing::warn!(%address, "too many connections: new ones are closed; see limits.connections");
    }
}

/// Answers the requests of one connection.
async fn answer<C, S>(stream: C, peer: SocketAddr, answers: S, (app, places): (&Arc<AppState>, &Arc<OpenConnections>))
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Answers,
{
    let [header, unread] = [app.limits.header_seconds, app.limits.unread_seconds].map(Duration::from_secs);
    let requests = OpenRequests::new();
    let service = {
        let (app, places, requests) = (app.clone(), places.clone(), requests.clone());
        service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let is_multiplexed = request.version() == Version::HTTP_2;
            let open = is_multiplexed.then(|| Some(requests.begin(places.take(&app, peer.ip())?)));
            // A request beyond the limit gets an answer, and is not looked at.
            let answer = (!matches!(open, Some(None))).then(|| answers.clone().oneshot(request.map(Body::new)));
            async move {
                let Some(answer) = answer else { return Ok::<_, Infallible>(too_many_requests()) };
                let Ok(response) = answer.await;
                Ok(match open.flatten() {
                    Some(open) => open.answer(response),
                    None => response,
                })
            }
        })
    };
    let stream = TokioIo::new(Patient::new(stream, (header, unread), requests.clone()));
    let server = builder(app, header);
    let mut connection = pin!(server.serve_connection(stream, service));
    let mut neglected = pin!(requests.neglected(header, unread));
    tokio::select! {
        // An error means that the client has gone, or was too slow.
        _ = connection.as_mut() => return,
        () = app.stopped() => connection.as_mut().graceful_shutdown(),
        neglect = &mut neglected => match neglect {
            Neglect::Unread => return,
            Neglect::Idle => {
                connection.as_mut().graceful_shutdown();
                let _ = tokio::time::timeout(unread, connection).await;
                return;
            }
        },
    }
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = neglected => {}
    }
}

/// Returns the builder of connections with their bounds. The first bytes of a connection show its protocol.
fn builder(app: &AppState, header: Duration) -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(header).max_buf_size(BUFFER_BYTES);
    let most = u32::try_from(app.limits.requests_per_connection).unwrap_or(u32::MAX);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(most)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(BUFFER_BYTES)
        .max_header_list_size(BUFFER_BYTES as u32)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_RESETS)
        .keep_alive_interval(header)
        .keep_alive_timeout(header);
    server
}

fn too_many_requests() -> Response<Body> {
    refusal(&ApiError::unavailable("too many requests of this address are open: wait for one to end"))
}

/// The places of open connections, and of the open requests that share one.
#[derive(Default)]
struct OpenConnections(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    total: usize,
    by_network: HashMap<IpAddr, usize>,
}

/// A place. Dropping it frees the place.
pub(super) struct ConnectionPermit {
    places: Arc<OpenConnections>,
    /// `None` for a trusted proxy, whose connections belong to many clients.
    network: Option<IpAddr>,
}

impl OpenConnections {
    fn take(self: &Arc<OpenConnections>, app: &AppState, address: IpAddr) -> Option<ConnectionPermit> {
        let network = Some(network(address)).filter(|_| !app.site.trusts(&address));
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= app.limits.connections {
            return None;
        }
        if let Some(network) = network {
            let open = counts.by_network.entry(network).or_default();
            if *open >= app.limits.connections_per_address {
                return None;
            }
            *open += 1;
        }
        counts.total += 1;
        Some(ConnectionPermit { places: self.clone(), network })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut counts = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total -= 1;
        let Some(network) = self.network else { return };
        if let Some(open) = counts.by_network.get_mut(&network) {
            *open -= 1;
            if *open == 0 {
                counts.by_network.remove(&network);
            }
        }
    }
}

/// A connection in the gauge of open connections.
struct Counted(Arc<AppState>);

impl Counted {
    fn new(app: &Arc<AppState>) -> Counted {
        app.metrics.connections.inc();
        Counted(app.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics.connections.dec();
    }
}

/// The first bytes of a connection of HTTP/2.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that ends with an error when its client sends nothing at first, or reads nothing for too long. Its answers
/// are held in memory until then.
struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Set while a write waits for the client.
    unread: Option<Pin<Box<Sleep>>>,
    /// Until the first bytes have shown the protocol: the deadline, and the length of the preface so far.
    opening: Option<(Pin<Box<Sleep>>, usize)>,
    requests: Arc<OpenRequests>,
}

impl<S> Patient<S> {
    fn new(stream: S, (header, patience): (Duration, Duration), requests: Arc<OpenRequests>) -> Patient<S> {
        let opening = Some((Box::pin(tokio::time::sleep(header)), 0));
        Patient { stream, patience, unread: None, opening, requests }
    }

    /// Compares what has arrived with the preface. HTTP/1.1 has a deadline for its headers; HTTP/2 is watched from here on.
    fn look_at(&mut self, arrived: &[u8]) {
        let Some((_, seen)) = &mut self.opening else { return };
        let expected = &PREFACE[*seen..];
        let compared = expected.len().min(arrived.len());
        if expected[..compared] != arrived[..compared] {
            self.opening = None;
            return;
        }
        *seen += compared;
        if *seen == PREFACE.len() {
            self.opening = None;
            self.requests.multiplexed();
        }
    }

    fn within_patience<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.unread = None;
            return written;
        }
        let patience = self.patience;
        let unread = self.unread.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match unread.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if read.is_ready() {
            this.look_at(&buffer.filled()[before..]);
        } else if let Some((deadline, _)) = &mut this.opening
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, data);
        self.within_patience(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, data);
        self.within_patience(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
