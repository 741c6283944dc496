//! The server as a process of its own that can be killed, stopped and restarted, and what such tests need besides.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axme_client::Client;

use super::PATIENCE;

/// The server in its own process.
pub struct Process(Child);

impl Process {
    pub async fn start(folder: &Path, port: u16, database: Option<&str>) -> Process {
        Process::start_program(Path::new(env!("CARGO_BIN_EXE_axme")), folder, port, database).await
    }

    pub async fn start_program(program: &Path, folder: &Path, port: u16, database: Option<&str>) -> Process {
        Process::spawn(Command::new(program), folder, port, database).await
    }

    /// Starts the server with a setting from the environment.
    pub async fn start_with(folder: &Path, port: u16, (variable, value): (&str, &str)) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_axme"));
        command.env(variable, value);
        Process::spawn(command, folder, port, None).await
    }

    async fn spawn(mut command: Command, folder: &Path, port: u16, database: Option<&str>) -> Process {
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"]).arg(folder);
        if let Some(url) = database {
            command.args(["--database-url", url]);
        }
        let log = std::fs::File::options().create(true).append(true).open(folder.join("server.log")).unwrap();
        let child = command.env("AXME_LOG", "warn").stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut process = Process(child);
        let ready = Client::new(&format!("http://127.0.0.1:{port}"), "none").unwrap();
        let began = Instant::now();
        while ready.health().await.is_err() {
            let log = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
            assert!(process.0.try_wait().unwrap().is_none(), "the server ended: {log}");
            assert!(began.elapsed() < PATIENCE, "the server does not answer: {log}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        process
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills the process with SIGKILL, so that it cannot clean up.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks the process to end, as a rolling restart does, and waits until it has.
    pub async fn end(&mut self) {
        self.signal("-TERM");
        let began = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "the server does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops the process with SIGSTOP: it keeps its connections and answers nothing.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets a stopped process run on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill {signal}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Creates a schema in the PostgreSQL server of the tests, and returns its URL.
pub async fn fresh_schema(url: &str, purpose: &str) -> String {
    let name = format!("crash_{purpose}_{}", std::process::id());
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}options=-csearch_path%3D{name}")
}

/// The random times of the kills. The seed is printed so that a failure can be repeated.
pub struct Random(u64);

impl Random {
    pub fn seeded() -> Random {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = now.as_nanos() as u64 | 1;
        println!("seed {seed}");
        Random(seed)
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}
