//! The check of a server's machine: its settings, folder, disk, database, mail and public address. It may run beside the
//! server. Each finding that is not well says what to do.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use axme_core::system::Mail;
use axme_store::checkup::{self as database, Checkup};
use serde::Serialize;
use serde_json::Value;

use crate::config::Config;
use crate::deliver::mailer::Mailer;
use crate::system;

/// Below this, writes will fail soon.
pub const LITTLE_SPACE: u64 = 1 << 30;
/// A disk whose fsync takes longer makes every write slow.
const SLOW_FSYNC: Duration = Duration::from_millis(50);
const FSYNCS: usize = 9;
/// Readers on other nodes see new intents late by the difference of the clocks.
const CLOCK_SECONDS: f64 = 1.0;
const LAG_SECONDS: f64 = 10.0;
/// How long the public address may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub check: &'static str,
    pub ok: bool,
    /// The facts, and if they are not well, the advice.
    pub detail: String,
}

type Found = Result<String, String>;

/// Examines the machine. A mail is sent only if `send_to` has an address.
pub async fn examine(config: &Config, send_to: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |check, found: Found| {
        let ok = found.is_ok();
        findings.push(Finding { check, ok, detail: found.unwrap_or_else(|why| why) });
    };
    add("settings", crate::check(config).map(|()| "valid".to_owned()).map_err(|error| error.to_string()));
    add("data_folder", folder(&config.data));
    if config.data.is_dir() {
        add("disk_space", space(&config.data));
        add("fsync_time", fsync_time(&config.data));
    }
    for (check, found) in examine_database(config).await {
        add(check, found);
    }
    add("mail", mail(config, send_to).await);
    add("public_url", public_url(config).await);
    add("proxies", proxies(config));
    findings
}

fn folder(data: &Path) -> Found {
    let shown = data.display();
    let Ok(found) = std::fs::metadata(data) else {
        return Err(format!("{shown} does not exist: `axme serve` makes it, or name another one with --data"));
    };
    if !found.is_dir() {
        return Err(format!("{shown} is a file: name a folder with --data"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = found.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!("others can enter {shown} ({mode:o}): chmod 700 {shown}"));
        }
    }
    Ok(shown.to_string())
}

fn space(data: &Path) -> Found {
    let free = free_bytes(data).map_err(|error| format!("{}: {error}", data.display()))?;
    let Some(free) = free else { return Ok("not measured on this system".to_owned()) };
    let shown = format!("{} MiB free", free >> 20);
    match free < LITTLE_SPACE {
        true => Err(format!("{shown}: writes fail when the disk is full; make room, or set retention")),
        false => Ok(shown),
    }
}

/// Returns the bytes that are free on the disk of a folder; `None` on a system that does not tell.
#[cfg(unix)]
pub fn free_bytes(folder: &Path) -> std::io::Result<Option<u64>> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(Some(found.f_bavail.saturating_mul(found.f_frsize)))
}

#[cfg(not(unix))]
pub fn free_bytes(_: &Path) -> std::io::Result<Option<u64>> {
    Ok(None)
}

/// Measures the time until a small write is on the disk, as each commit waits for it.
fn fsync_time(data: &Path) -> Found {
    let failed = |error: std::io::Error| format!("cannot write to {}: {error}", data.display());
    let mut file = tempfile::NamedTempFile::new_in(data).map_err(failed)?;
    let mut times = Vec::new();
    for _ in 0..FSYNCS {
        #[expect(clippy::disallowed_methods, reason = "measures the disk, and decides nothing for an intent")]
        let began = Instant::now();
        file.write_all(&[0; 4096]).and_then(|()| File::sync_all(file.as_file())).map_err(failed)?;
        times.push(began.elapsed());
    }
    times.sort();
    let median = times[FSYNCS / 2];
    let shown = format!("{:.1} ms", median.as_secs_f64() * 1_000.0);
    match median > SLOW_FSYNC {
        true => Err(format!("{shown}: every write waits that long; use a local disk with a write cache that survives")),
        false => Ok(shown),
    }
}

async fn examine_database(config: &Config) -> Vec<(&'static str, Found)> {
    let file = config.data.join("axme.db");
    let found = match &config.database_url {
        Some(url) => database::postgres(url, system::now).await,
        None if file.is_file() => database::sqlite(&file),
        None => return vec![("database", Ok("SQLite; the first start makes it".to_owned()))],
    };
    let newest = database::newest_schema();
    let (found, newest) = match (found, newest) {
        (Ok(found), Ok(newest)) => (found, newest),
        (Err(error), _) | (_, Err(error)) => {
            return vec![("database", Err(format!("{error}: check database_url and that the database runs")))];
        }
    };
    let engine = if found.server.is_some() { "PostgreSQL" } else { "SQLite" };
    let mut findings = vec![("database", Ok(format!("{engine} {}", found.program)))];
    findings.push(("schema", schema(&found, newest)));
    if let Some(server) = &found.server {
        let ahead = server.clock_ahead_seconds;
        let shown = format!("the database is {:.3} s {}", ahead.abs(), if ahead < 0.0 { "behind" } else { "ahead" });
        findings.push((
            "database_clock",
            match ahead.abs() > CLOCK_SECONDS {
                true => Err(format!("{shown}: synchronize the clocks of both machines")),
                false => Ok(shown),
            },
        ));
        findings.push((
            "database_tls",
            Ok(if server.has_tls {
                "the connection uses TLS"
            } else {
                "no TLS; for another machine, set sslmode=verify-full"
            }
            .to_owned()),
        ));
        findings.push((
            "database_role",
            match (server.is_standby, server.standby_lag_seconds) {
                (true, _) => Err("a standby, which accepts no writes: name the primary".to_owned()),
                (false, Some(lag)) if lag > LAG_SECONDS => {
                    Err(format!("a standby is {lag:.0} s behind: a failover would lose or delay writes"))
                }
                (false, Some(lag)) => Ok(format!("primary; the slowest standby is {lag:.1} s behind")),
                (false, None) => Ok("primary".to_owned()),
            },
        ));
    }
    findings
}

fn schema(found: &Checkup, newest: i32) -> Found {
    match found.schema {
        None => Ok(format!("none yet; the first start makes version {newest}")),
        Some(version) if version == newest => Ok(format!("version {version}, as this program has it")),
        Some(version) if version < newest => {
            Ok(format!("version {version}; the next start brings it to {newest}: make a backup before"))
        }
        Some(version) => Err(format!("version {version} is newer than this program, which knows {newest}: update it")),
    }
}

async fn mail(config: &Config, send_to: Option<&str>) -> Found {
    let mailer = Mailer::new(&config.mail, &config.data.join("outbox"))?;
    if let Some(outbox) = mailer.outbox() {
        let shown = format!("no mail server is set: mail is written to {}", outbox.display());
        return match send_to {
            Some(_) => Err(format!("{shown}; set mail.smtp_url")),
            None => Ok(shown),
        };
    }
    let advice = |why: String| format!("{why}: check mail.smtp_url");
    mailer.connect().await.map_err(advice)?;
    let Some(to) = send_to else { return Ok("the mail server accepts the connection and the sign-in".to_owned()) };
    let text = "This mail was sent by `axme doctor`. Mail of this server arrives.".to_owned();
    let mail = Mail {
        id: axme_store::Rng::system().uuid().to_string(),
        to: to.to_owned(),
        subject: "Test mail of AXME".to_owned(),
        html: format!("<p>{text}</p>"),
        text,
        link: None,
    };
    mailer.send(mail).await.map_err(|error| advice(error.why))?;
    Ok(format!("sent to {to}: look whether it arrives"))
}

/// Asks the public address for its health, as people and agents reach it.
async fn public_url(config: &Config) -> Found {
    let Some(url) = &config.public_url else {
        return match config.listen.ip().is_loopback() {
            true => Ok("not set; only this machine reaches the server".to_owned()),
            false => Err("not set: links in mail use the listening address; set public_url".to_owned()),
        };
    };
    let address = format!("{}/health", url.trim_end_matches('/'));
    let advice = "check DNS, the proxy and that the server runs";
    let ask = async {
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        client.get(&address).send().await?.error_for_status()?.json::<Value>().await
    };
    let health = ask.await.map_err(|error| format!("{address} does not answer ({error}): {advice}"))?;
    let (version, own) = (health["version"].as_str().unwrap_or_default(), env!("CARGO_PKG_VERSION"));
    match (health["service"].is_string(), version == own) {
        (false, _) => Err(format!("{address} is not answered by AXME: {advice}")),
        (true, false) => Err(format!("{url} runs version {version}, this program is {own}: update the older one")),
        (true, true) => Ok(format!("{url} answers, version {version}")),
    }
}

fn proxies(config: &Config) -> Found {
    let is_https = config.public_url.as_ref().is_some_and(|url| url.starts_with("https://"));
    match (is_https && config.tls.cert.is_none(), config.trusted_proxies.is_empty()) {
        (true, true) => {
            Err("a proxy has the certificate, and trusted_proxies is not set: all clients share its limits by \
                             address; name its network"
                .to_owned())
        }
        (_, false) => Ok(format!("trusted: {}", config.trusted_proxies.join(", "))),
        (false, true) => Ok("none".to_owned()),
    }
}
