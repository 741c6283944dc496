//! A proxy in front of PostgreSQL that tests cut, silence and close.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The treatment of a new connection.
#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    Forward,
    /// Accepts it and never sends anything.
    Silent,
    /// Closes it at once.
    Close,
}

pub struct Proxy {
    address: SocketAddr,
    database: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

struct State {
    mode: Mode,
    connections: Vec<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy for the database of a URL.
    pub async fn start(url: &str, mode: Mode) -> Proxy {
        let database: SocketAddr = host(url).parse().expect("the tests' PostgreSQL has an IP address and a port");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State { mode, connections: Vec::new() }));
        let shared = state.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let mode = state.mode;
                state.connections.push(tokio::spawn(serve(client, database, mode)));
            }
        });
        Proxy { address, database, state, accepting }
    }

    /// Returns the URL with the proxy's address instead of the database's.
    pub fn url(&self, url: &str) -> String {
        url.replacen(&self.database.to_string(), &self.address.to_string(), 1)
    }

    /// Changes what happens to new connections.
    pub fn set(&self, mode: Mode) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).mode = mode;
    }

    /// Ends all connections, and returns when they have ended.
    pub async fn cut(&self) {
        let connections = std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).connections);
        for connection in connections {
            connection.abort();
            let _ = connection.await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut client: TcpStream, database: SocketAddr, mode: Mode) {
    match mode {
        Mode::Forward => {
            if let Ok(mut server) = TcpStream::connect(database).await {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            }
        }
        Mode::Silent => std::future::pending().await,
        Mode::Close => {}
    }
}

/// Returns the host and port of a URL.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}
