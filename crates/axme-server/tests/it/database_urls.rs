//! PostgreSQL as providers give it: TLS with a private authority, several hosts, and poolers.
//!
//! The tests start servers of their own from the system's programs, and are skipped without them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use axme_store::{Limits, Store, StoreOptions};

use crate::harness::{migration, postgres_only, with_database};

postgres_only! {
    several_hosts_lead_to_the_one_that_accepts_writes,
    a_pooler_that_shares_sessions_is_refused_at_once,
    certificates_are_verified_as_the_url_says,
}

fn options() -> StoreOptions {
    let options = migration();
    let limits = Arc::new(Limits { start_seconds: 4, ..(*options.limits).clone() });
    StoreOptions { limits, ..options }
}

async fn open(url: &str) -> Result<(), String> {
    Store::open_postgres(url, &options()).await.map(|_| ()).map_err(|error| error.to_string())
}

async fn several_hosts_lead_to_the_one_that_accepts_writes() {
    with_database(async |url| {
        // Nothing listens on the first host.
        let (credentials, rest) = url.split_once('@').unwrap();
        let several = format!("{credentials}@127.0.0.1:1,{rest}?target_session_attrs=read-write");
        open(&several).await.unwrap();
    })
    .await;
}

/// A process that ends with its test, and the folder of its files.
struct Process {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a program of the system; `None` if it is missing.
fn program(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/usr/local/sbin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("{name} is not installed: skipped");
    }
    found
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn until_it_listens(port: u16) {
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("nothing listens on port {port}");
}

/// Starts PgBouncer before the database of a URL; returns the URL that leads through it.
async fn pooler(program: &Path, url: &str, mode: &str) -> (Process, String) {
    let config: tokio_postgres::Config = url.parse().unwrap();
    let (port, database) = (free_port(), config.get_dbname().unwrap());
    let folder = tempfile::Builder::new().prefix("axme-pgbouncer-").tempdir_in("/tmp").unwrap();
    let users = folder.path().join("users.txt");
    std::fs::write(&users, "\"postgres\" \"\"\n").unwrap();
    let text = format!(
        "[databases]\n{database} = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nauth_type = any\nauth_file = {}\npool_mode = {mode}\ndefault_pool_size = 20\n\
         unix_socket_dir =\nlogfile = {}\n",
        config.get_ports()[0],
        users.display(),
        folder.path().join("log").display(),
    );
    let file = folder.path().join("pgbouncer.ini");
    std::fs::write(&file, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for path in [folder.path(), &file, &users] {
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
        }
    }
    let mut command = Command::new(program);
    // As root it wants the name of another user.
    if std::fs::metadata("/proc/self").is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) == 0) {
        command.args(["-u", "postgres"]);
    }
    let child = command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let process = Process { child, folder };
    until_it_listens(port).await;
    assert!(process.folder.path().exists());
    (process, format!("postgres://postgres@127.0.0.1:{port}/{database}"))
}

async fn a_pooler_that_shares_sessions_is_refused_at_once() {
    let Some(pgbouncer) = program("pgbouncer") else { return };
    with_database(async |url| {
        let (process, through) = pooler(&pgbouncer, &url, "transaction").await;
        let refused = open(&through).await.unwrap_err();
        assert!(refused.contains("a pooler that shares sessions, such as PgBouncer in transaction mode"), "{refused}");
        drop(process);
        let (_process, through) = pooler(&pgbouncer, &url, "session").await;
        open(&through).await.unwrap();
    })
    .await;
}

/// A PostgreSQL of its own, which ends with its test.
struct Postgres {
    folder: String,
    port: u16,
}

impl Postgres {
    fn start() -> Postgres {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/postgres.sh");
        let started = Command::new(script).arg("start").output().unwrap();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        let (url, note) = (String::from_utf8(started.stdout).unwrap(), String::from_utf8(started.stderr).unwrap());
        let port = url.rsplit_once('/').unwrap().0.rsplit_once(':').unwrap().1.parse().unwrap();
        Postgres { folder: note.trim().rsplit_once(' ').unwrap().1.to_owned(), port }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/postgres.sh");
        // An error means that it has ended.
        let _ = Command::new(script).args(["stop", &self.folder]).stdout(Stdio::null()).status();
    }
}

/// Makes an authority, a certificate for `localhost` and one for the user `postgres`, and lets the server use them.
const MAKE_CERTIFICATES: &str = r#"
set -e
cd "$1"
authority() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
  -addext "basicConstraints=critical,CA:TRUE" -keyout "$1.key" -out "$1.pem" 2>/dev/null; }
signed() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  printf 'subjectAltName=DNS:%s\nbasicConstraints=CA:FALSE\n' "$1" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA private.pem -CAkey private.key -CAcreateserial -days 2 -extfile "$1.ext" -out "$1.pem" 2>/dev/null; }
authority private
authority stranger
signed localhost
signed postgres
chmod 600 localhost.key
[ "$(id -u)" != 0 ] || chown postgres: localhost.key localhost.pem private.pem data
set_ssl() { echo "$1 = '$2'" >> data/postgresql.conf; }
set_ssl ssl on
set_ssl ssl_cert_file "$1/localhost.pem"
set_ssl ssl_key_file "$1/localhost.key"
set_ssl ssl_ca_file "$1/private.pem"
cat > data/pg_hba.conf <<END
hostssl all all 127.0.0.1/32 cert
END
kill -HUP "$(head -n 1 data/postmaster.pid)"
"#;

async fn certificates_are_verified_as_the_url_says() {
    if program("openssl").is_none() {
        return;
    }
    let postgres = Postgres::start();
    let folder = postgres.folder.clone();
    let made = Command::new("bash").args(["-c", MAKE_CERTIFICATES, "bash", &folder]).status().unwrap();
    assert!(made.success());
    let url = |host: &str, query: &str| {
        format!("postgres://postgres@{host}:{}/postgres?{}", postgres.port, query.replace("DIR", &folder))
    };
    let own = "sslcert=DIR/postgres.pem&sslkey=DIR/postgres.key";
    // The reload takes a moment.
    let full = url("localhost", &format!("sslmode=verify-full&sslrootcert=DIR/private.pem&{own}"));
    for attempt in 0.. {
        match open(&full).await {
            Ok(()) => break,
            Err(why) => assert!(attempt < 2, "{why}"),
        }
    }
    let refused = async |host: &str, query: &str| open(&url(host, query)).await.unwrap_err();
    let wrong_name = refused("127.0.0.1", &format!("sslmode=verify-full&sslrootcert=DIR/private.pem&{own}")).await;
    assert!(wrong_name.contains("certificate"), "{wrong_name}");
    open(&url("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert=DIR/private.pem&{own}"))).await.unwrap();
    for (authority, mode) in [("stranger", "verify-ca"), ("stranger", "require")] {
        let unknown = refused("localhost", &format!("sslmode={mode}&sslrootcert=DIR/{authority}.pem&{own}")).await;
        assert!(unknown.contains("certificate"), "{unknown}");
    }
    let public = refused("localhost", &format!("sslmode=require&{own}")).await;
    assert!(public.contains("certificate"), "{public}");
    let without = refused("localhost", "sslmode=verify-full&sslrootcert=DIR/private.pem").await;
    assert!(without.contains("certificate"), "the database wants a certificate of ours: {without}");
    let no_file = refused("localhost", "sslmode=verify-full&sslrootcert=DIR/none.pem").await;
    assert!(no_file.contains("sslrootcert") && no_file.contains("none.pem"), "{no_file}");
}
