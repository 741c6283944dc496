//! The database URL as providers write it. This file takes out the parameters of TLS, which the driver does not know. An
//! error names the parameter and never shows a value, which may be a password.

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::error::StoreError;

/// How the certificate of the database is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// The certificate comes from a known authority and names the host.
    Full,
    /// The certificate comes from a known authority.
    Authority,
}

/// The files of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TlsFiles {
    pub check: Check,
    /// The authorities to trust; `None` for the public ones.
    pub authorities: Option<String>,
    /// The certificate and the key that this server shows.
    pub client: Option<(String, String)>,
}

/// A URL, read.
pub(super) struct DatabaseUrl {
    pub config: Config,
    pub tls: TlsFiles,
    /// Whether the URL says if TLS is used.
    pub has_mode: bool,
}

/// The parameters that a URL may have; those of TLS first, which are ours.
const PARAMETERS: [&str; 22] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];
const MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

impl DatabaseUrl {
    pub fn parse(url: &str) -> Result<DatabaseUrl, StoreError> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut mode = None;
        let (mut authorities, mut certificate, mut key) = (None, None, None);
        let mut rest: Vec<&str> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8().map_err(|_| wrong(name, "the value is not UTF-8"))?;
            match name {
                "sslmode" => mode = Some(value.into_owned()),
                "sslrootcert" => authorities = Some(value.into_owned()).filter(|file| file != "system"),
                "sslcert" => certificate = Some(value.into_owned()),
                "sslkey" => key = Some(value.into_owned()),
                _ if !PARAMETERS.contains(&name) => {
                    let near = nearest(name).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                    return Err(wrong(name, &format!("no such parameter{near}")));
                }
                _ => rest.push(pair),
            }
        }
        let client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(wrong("sslkey", "sslcert needs the key of the certificate as well")),
            (None, Some(_)) => return Err(wrong("sslcert", "sslkey needs its certificate as well")),
        };
        let mut config = driver(place, &rest)?;
        let check = match mode.as_deref() {
            None => Check::Full,
            Some("disable") => set(&mut config, SslMode::Disable, Check::Full),
            Some("prefer") => set(&mut config, SslMode::Prefer, Check::Full),
            Some("require" | "verify-full") => set(&mut config, SslMode::Require, Check::Full),
            Some("verify-ca") => set(&mut config, SslMode::Require, Check::Authority),
            Some(_) => return Err(wrong("sslmode", &format!("use one of {}", MODES.join(", ")))),
        };
        Ok(DatabaseUrl { config, tls: TlsFiles { check, authorities, client }, has_mode: mode.is_some() })
    }
}

fn set(config: &mut Config, mode: SslMode, check: Check) -> Check {
    config.ssl_mode(mode);
    check
}

/// Reads the part of a URL that the driver knows. The driver's own error may quote the URL, and so the password.
fn driver(place: &str, parameters: &[&str]) -> Result<Config, StoreError> {
    let read = |parameters: &str| format!("{place}?{parameters}").parse::<Config>();
    if let Ok(config) = read(&parameters.join("&")) {
        return Ok(config);
    }
    if read("").is_err() {
        return Err(StoreError::Unavailable(
            "the database URL is not valid before its parameters; write it like \
             postgres://user:password@host:5432/database, with %40 for an @ in the password"
                .to_owned(),
        ));
    }
    let culprit = parameters.iter().find(|one| read(one).is_err()).and_then(|one| one.split('=').next());
    Err(wrong(culprit.unwrap_or("parameters"), "the value is not valid"))
}

pub(super) fn wrong(parameter: &str, why: &str) -> StoreError {
    StoreError::Unavailable(format!("the database URL: {parameter}: {why}"))
}

/// Returns the parameter that a misspelled one is closest to.
fn nearest(name: &str) -> Option<&'static str> {
    let close = PARAMETERS.into_iter().map(|known| (strsim::jaro_winkler(name, known), known));
    close.filter(|(likeness, _)| *likeness > 0.85).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::{Host, TargetSessionAttrs};

    use super::*;

    fn refused(url: &str) -> String {
        DatabaseUrl::parse(url).map(|_| ()).expect_err("the URL is refused").to_string()
    }

    #[test]
    fn urls_of_providers_are_read() {
        let url = "postgres://app:p%40ss@a.example.com:5432,b.example.com:6432/axme?sslmode=verify-full&\
                   sslrootcert=%2Fetc%2Fca.pem&target_session_attrs=read-write&options=-c%20search_path%3Dapp";
        let read = DatabaseUrl::parse(url).expect("the URL is valid");
        let hosts = ["a.example.com", "b.example.com"].map(|name| Host::Tcp(name.to_owned()));
        assert_eq!(read.config.get_hosts(), hosts);
        assert_eq!(read.config.get_ports(), [5432, 6432]);
        assert_eq!(read.config.get_password(), Some(&b"p@ss"[..]));
        assert_eq!(read.config.get_options(), Some("-c search_path=app"));
        assert_eq!(read.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(read.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(
            read.tls,
            TlsFiles { check: Check::Full, authorities: Some("/etc/ca.pem".to_owned()), client: None }
        );
        let read = DatabaseUrl::parse("postgres://h/d?sslmode=verify-ca&sslrootcert=system&sslcert=c&sslkey=k");
        let tls = read.expect("the URL is valid").tls;
        assert_eq!((tls.check, tls.authorities), (Check::Authority, None));
        assert_eq!(tls.client, Some(("c".to_owned(), "k".to_owned())));
        assert!(!DatabaseUrl::parse("postgres://h/d").expect("the URL is valid").has_mode);
    }

    #[test]
    fn an_error_names_the_parameter_and_shows_no_value() {
        let with = |query: &str| refused(&format!("postgres://app:hunter2@h/d?{query}"));
        assert!(with("sslmode=full").contains("sslmode: use one of disable, prefer, require, verify-ca, verify-full"));
        assert!(with("sslrotcert=x").contains("sslrotcert: no such parameter; did you mean sslrootcert?"));
        assert!(with("pgbouncer=true").ends_with("pgbouncer: no such parameter"));
        assert!(with("sslmode=require&connect_timeout=soon").contains("connect_timeout: the value is not valid"));
        assert!(with("target_session_attrs=fast").contains("target_session_attrs: the value is not valid"));
        assert!(with("sslcert=c").contains("sslkey: sslcert needs the key"));
        let place = refused("postgres://app:hunter2@h:port/d");
        assert!(place.contains("not valid before its parameters"), "{place}");
        for query in ["sslmode=hunter2", "connect_timeout=hunter2", "port=hunter2"] {
            assert!(!with(query).contains("hunter2"), "{query}");
        }
        assert!(!place.contains("hunter2"));
    }
}
