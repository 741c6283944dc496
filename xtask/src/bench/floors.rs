//! The floors: the speed of the same machine with less work.
//!
//! `http` is the same HTTP server with a constant response. `row` commits the request's body as one row before it
//! responds, in groups like the server's own store. The difference between `row` and a create is the cost of the
//! server. Both read the whole body and return as many bytes as a create.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};

/// The same limits as in the server's store.
const GROUP: usize = 256;
const QUEUE: usize = 4_096;

/// As long as the response to a create.
const ANSWER: &str = r#"{"ok":true,"intent_id":"00000000-0000-7000-8000-000000000000","status":"DELIVERED","created_at":"2026-01-01T00:00:00.000Z","correlation_id":"00000000-0000-4000-8000-000000000000","intent":{"intent_id":"00000000-0000-7000-8000-000000000000","status":"DELIVERED","lifecycle_status":"DELIVERED"}}"#;

/// A row to commit, and the channel that reports it as durable.
struct Row {
    body: Bytes,
    done: oneshot::Sender<()>,
}

/// Starts floor A.
pub(crate) async fn http() -> anyhow::Result<SocketAddr> {
    serve(post(async |_: Bytes| answer())).await
}

/// Starts floor B on SQLite.
pub(crate) async fn row_on_sqlite(file: &Path) -> anyhow::Result<SocketAddr> {
    let connection = rusqlite::Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;
         CREATE TABLE floor (id INTEGER PRIMARY KEY, body BLOB NOT NULL);",
    )?;
    let (queue, rows) = mpsc::channel(QUEUE);
    std::thread::Builder::new().name("bench-floor".to_owned()).spawn(move || commit_in_groups(connection, rows))?;
    serve_rows(queue).await
}

/// Starts floor B on PostgreSQL: as many connections as the server has writers. Each commits one row at a time.
pub(crate) async fn row_on_postgres(url: &str, connections: usize) -> anyhow::Result<SocketAddr> {
    let (queue, rows) = mpsc::channel(QUEUE);
    let rows = Arc::new(Mutex::new(rows));
    for number in 0..connections {
        let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(driver);
        if number == 0 {
            client.batch_execute("CREATE TABLE floor (id BIGSERIAL PRIMARY KEY, body BYTEA NOT NULL)").await?;
        }
        let rows = rows.clone();
        tokio::spawn(async move {
            let insert = client.prepare("INSERT INTO floor (body) VALUES ($1)").await?;
            loop {
                let Some(Row { body, done }) = rows.lock().await.recv().await else { return anyhow::Ok(()) };
                client.execute(&insert, &[&body.as_ref()]).await?;
                // The client may have disconnected.
                let _ = done.send(());
            }
        });
    }
    serve_rows(queue).await
}

async fn serve_rows(queue: mpsc::Sender<Row>) -> anyhow::Result<SocketAddr> {
    let handler = move |body: Bytes| {
        let queue = queue.clone();
        async move {
            let (done, is_done) = oneshot::channel();
            if queue.send(Row { body, done }).await.is_err() || is_done.await.is_err() {
                return StatusCode::SERVICE_UNAVAILABLE.into_response();
            }
            answer()
        }
    };
    serve(post(handler)).await
}

fn commit_in_groups(connection: rusqlite::Connection, mut rows: mpsc::Receiver<Row>) -> anyhow::Result<()> {
    let mut begin = connection.prepare("BEGIN IMMEDIATE")?;
    let mut insert = connection.prepare("INSERT INTO floor (body) VALUES ($1)")?;
    let mut commit = connection.prepare("COMMIT")?;
    let mut committed = Vec::with_capacity(GROUP);
    while let Some(first) = rows.blocking_recv() {
        begin.execute([])?;
        let mut next = Some(first);
        while let Some(Row { body, done }) = next {
            insert.execute([body.as_ref()])?;
            committed.push(done);
            next = if committed.len() < GROUP { rows.try_recv().ok() } else { None };
        }
        commit.execute([])?;
        for done in committed.drain(..) {
            // The client may have disconnected.
            let _ = done.send(());
        }
    }
    Ok(())
}

/// Listens like the server, on its own port, until the process ends.
async fn serve(create: MethodRouter) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // As in the server: without it the connection is measurably slower.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let router = Router::new().route("/v1/intents", create);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

fn answer() -> Response {
    ([(CONTENT_TYPE, "application/json")], ANSWER).into_response()
}
