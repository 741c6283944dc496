//! Accepts connections and bounds them. Their number is limited in total and per address. Headers must arrive in time, and
//! a client must read its answers.
//!
//! The server speaks HTTP/1.1 only. One connection of HTTP/2 would multiply everything that a connection may hold.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axme_core::policy::rate_limit::network;
use axme_core::state::AppState;
use axme_intent::Time;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Sleep;
use tower::ServiceExt;

use super::tls::Tls;

/// The longest headers of a request, and the buffers of a connection, in bytes.
const BUFFER_BYTES: usize = 32 * 1024;
/// The pause after a connection could not be accepted: as a rule there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// The pause between two log lines about refused connections.
const WARN_SECONDS: u64 = 60;

/// Serves until the server stops, then finishes the connections in progress.
pub async fn serve(listener: TcpListener, router: Router, app: Arc<AppState>, tls: Option<Arc<Tls>>) {
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
        let (router, app, is_open, tls) = (router.clone(), app.clone(), is_open.clone(), tls.clone());
        tokio::spawn(async move {
            let _held = (place, is_open);
            let Some(tls) = tls else { return answer(stream, peer, router, &app).await };
            // A handshake has as long as the headers of a request. One that fails is the client's fault.
            let patience = Duration::from_secs(app.limits.header_seconds);
            if let Ok(Ok(stream)) = tokio::time::timeout(patience, tls.acceptor().accept(stream)).await {
                answer(stream, peer, router, &app).await;
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
async fn answer<S>(stream: S, peer: SocketAddr, router: Router, app: &AppState)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request.map(Body::new))
    });
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(app.limits.header_seconds))
        .max_buf_size(BUFFER_BYTES);
    let patience = Duration::from_secs(app.limits.unread_seconds);
    let mut connection = pin!(server.serve_connection(TokioIo::new(Patient::new(stream, patience)), service));
    tokio::select! {
        // An error means that the client has gone, or was too slow.
        _ = connection.as_mut() => return,
        () = app.stopped() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// The open connections, counted.
#[derive(Default)]
struct OpenConnections(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    total: usize,
    by_network: HashMap<IpAddr, usize>,
}

/// The place of a connection. Dropping it frees the place.
struct ConnectionPermit {
    places: Arc<OpenConnections>,
    app: Arc<AppState>,
    /// `None` for a trusted proxy, whose connections belong to many clients.
    network: Option<IpAddr>,
}

impl OpenConnections {
    fn take(self: &Arc<OpenConnections>, app: &Arc<AppState>, address: IpAddr) -> Option<ConnectionPermit> {
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
        app.metrics.connections.inc();
        Some(ConnectionPermit { places: self.clone(), app: app.clone(), network })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.app.metrics.connections.dec();
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

/// A connection that ends with an error when its client reads nothing for too long. Its answers are held in memory until
/// then.
struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Set while a write waits for the client.
    unread: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    fn new(stream: S, patience: Duration) -> Patient<S> {
        Patient { stream, patience, unread: None }
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
        Pin::new(&mut self.stream).poll_read(cx, buffer)
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
