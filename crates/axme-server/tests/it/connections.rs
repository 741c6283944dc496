//! Connections over HTTP/1 after an answer that came before the whole body of the request.

use std::net::SocketAddr;
use std::time::Duration;

use axme_server::{Config, Running};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

#[derive(Debug)]
struct Received {
    status: u16,
    headers: Vec<String>,
}

impl Received {
    fn closes(&self) -> bool {
        self.headers.iter().any(|line| line.eq_ignore_ascii_case("connection: close"))
    }
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    async fn open(server: &Running) -> Connection {
        Connection(BufReader::new(TcpStream::connect(server.addr()).await.unwrap()))
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
    }

    /// Sends the headers of a call with an invalid key. Its body follows later.
    async fn begin(&mut self, length: usize, more: &str) {
        let head = format!(
            "POST /v1/intents HTTP/1.1\r\nhost: axme\r\nx-api-key: wrong\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n{more}\r\n"
        );
        self.write(head.as_bytes()).await;
    }

    /// Reads an answer with its body.
    async fn receive(&mut self) -> Received {
        let mut headers: Vec<String> = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await.unwrap();
            match line.trim_end() {
                "" => break,
                line => headers.push(line.to_owned()),
            }
        }
        let length =
            headers.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body).await.unwrap();
        let status = headers.first().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        Received { status: status.unwrap_or(0), headers }
    }

    /// Checks that the connection still answers.
    async fn check(&mut self) {
        self.write(b"GET /health HTTP/1.1\r\nhost: axme\r\n\r\n").await;
        assert_eq!(self.receive().await.status, 200);
    }
}

async fn start() -> (Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = Config { data: folder.path().to_owned(), listen, ..Config::default() };
    (axme_server::start(config).await.unwrap(), folder)
}

#[tokio::test]
async fn an_early_answer_keeps_the_connection_or_says_that_it_closes() {
    let (server, _folder) = start().await;
    let mut connection = Connection::open(&server).await;
    for length in [10, 100_000, 1_000_000] {
        connection.begin(length, "").await;
        // The server has answered before the body is sent.
        tokio::time::sleep(Duration::from_millis(100)).await;
        connection.write(&vec![b' '; length]).await;
        let answer = connection.receive().await;
        assert_eq!(answer.status, 401);
        assert!(!answer.closes(), "{length}: {answer:?}");
        connection.check().await;
    }
    // Longer than a server should read for nothing, never sent, and only announced.
    let mut connection = Connection::open(&server).await;
    connection.begin(50_000_000, "").await;
    connection.write(&vec![b' '; 1_200_000]).await;
    let answer = connection.receive().await;
    assert!(answer.status == 401 && answer.closes(), "{answer:?}");
    let mut connection = Connection::open(&server).await;
    connection.begin(10, "").await;
    let answer = connection.receive().await;
    assert!(answer.status == 401 && answer.closes(), "{answer:?}");
    let mut connection = Connection::open(&server).await;
    connection.begin(10, "expect: 100-continue\r\n").await;
    let answer = connection.receive().await;
    assert!(answer.status == 401 && answer.closes(), "{answer:?}");
    server.stop().await;
}
