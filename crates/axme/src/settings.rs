//! The settings of a server: flags override environment variables (`AXME_LISTEN`, `AXME_LIMITS__BODY_BYTES`, …), and
//! these override a TOML file. An unknown key in the file is an error, and so is a variable that resembles a setting;
//! other `AXME_` variables are ignored. A variable is text: the type of its setting decides how it is read, so that a
//! secret `0042` keeps its zeros.

mod effective;
mod names;

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use config::{Config, ConfigError, File, FileFormat, Map, Source, Value, ValueKind};

use crate::failure::Failure;
use crate::{folders, server, text_file};

/// The settings that are lists. A text stands for its entries between commas, and any other value for one entry.
const LISTS: [&str; 9] = [
    "cors_origins",
    "embed_origins",
    "mcp.origins",
    "oidc.domains",
    "limits.offer_seconds",
    "limits.push_retry_seconds",
    "limits.outbound_allow",
    "traces.headers",
    "trusted_proxies",
];

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServerFlags {
    /// Address and port to listen on; port 0 picks a free port [default: 127.0.0.1:8100]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Folder for all data of the server [default: axme in the user's data folder, ~/.local/share]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// PostgreSQL database to use instead of SQLite: postgres://user:password@host/database
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// TOML file with settings [default: $AXME_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Email address of the account that the first start creates [default: owner@local]
    #[arg(long, value_name = "EMAIL")]
    pub(crate) owner_email: Option<String>,
    /// URL at which clients reach the server, if it differs from the listen address
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Log filter, such as info,axme_server=debug [default: info for serve, warn for dev]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// Format of the log lines [default: text on a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl LogFormat {
    /// Text for a person at a terminal, JSON for the program that collects the lines elsewhere.
    fn usual() -> LogFormat {
        if std::io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json }
    }
}

pub(crate) struct Settings {
    pub(crate) server: server::Config,
    pub(crate) log: Option<String>,
    pub(crate) log_format: LogFormat,
}

impl Settings {
    pub(crate) fn load(flags: &ServerFlags) -> Result<Settings, Failure> {
        let variables = std::env::vars_os();
        let variables =
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let variables: HashMap<String, String> = variables.collect();
        let file = flags.config.clone().or_else(|| folders::environment("AXME_CONFIG").map(PathBuf::from));
        let config = merge(flags, file.as_deref(), variables)?;
        let has = |key: &str| config.get_string(key).is_ok();
        let data = if has("data") { None } else { Some(folders::default_data()?) };
        let wrong = |e: config::ConfigError| Failure::usage(format!("settings: {e}"));
        let mut settings = Settings {
            log: if has("log") { Some(config.get_string("log").map_err(wrong)?) } else { None },
            log_format: if has("log_format") { config.get("log_format").map_err(wrong)? } else { LogFormat::usual() },
            server: config.clone().try_deserialize().map_err(wrong)?,
        };
        if let Some(data) = data {
            settings.server.data = data;
        }
        settings.server.in_force = effective::list(flags, file.as_deref(), &config, &settings.server);
        Ok(settings)
    }

    /// Changes settings in the name of `source`, which the list of those in force then shows.
    pub(crate) fn adjust(&mut self, source: &str, adjust: impl FnOnce(&mut server::Config)) {
        adjust(&mut self.server);
        let mut in_force = std::mem::take(&mut self.server.in_force);
        effective::update(&mut in_force, &self.server, source);
        self.server.in_force = in_force;
    }
}

fn merge(flags: &ServerFlags, file: Option<&Path>, variables: HashMap<String, String>) -> Result<Config, Failure> {
    let wrong = |e: config::ConfigError| Failure::usage(format!("settings: {e}"));
    let mut builder = Config::builder();
    if let Some(path) = file {
        let source = File::from_str(&text_file::read(path)?, FileFormat::Toml);
        let read = Config::builder().add_source(source.clone()).build();
        check_file(path, &read.map_err(|e| Failure::usage(format!("settings: {}: {e}", path.display())))?)?;
        builder = builder.add_source(source);
    }
    check_variables(&variables)?;
    builder = builder.add_source(Variables(variables));
    let config = builder.build_cloned().map_err(wrong)?;
    for key in LISTS {
        if let Ok(value) = config.get::<Value>(key) {
            let origin = value.origin().map(str::to_owned);
            let list = Value::new(origin.as_ref(), ValueKind::Array(entries(value)));
            builder = builder.set_override(key, list).map_err(wrong)?;
        }
    }
    let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
    let log_format = flags.log_format.map(|format| if format == LogFormat::Json { "json" } else { "text" });
    builder
        .set_override_option("listen", flags.listen.clone())
        .and_then(|b| b.set_override_option("data", text(&flags.data)))
        .and_then(|b| b.set_override_option("database_url", flags.database_url.clone()))
        .and_then(|b| b.set_override_option("owner_email", flags.owner_email.clone()))
        .and_then(|b| b.set_override_option("public_url", flags.public_url.clone()))
        .and_then(|b| b.set_override_option("log", flags.log.clone()))
        .and_then(|b| b.set_override_option("log_format", log_format))
        .and_then(|b| b.build())
        .map_err(wrong)
}

/// Returns the entries of a list, without blanks around them.
fn entries(value: Value) -> Vec<Value> {
    let entry = |text: &str| Value::from(text.trim());
    match value.kind {
        ValueKind::String(text) => text.split(',').filter(|part| !part.trim().is_empty()).map(entry).collect(),
        ValueKind::Array(items) => items
            .into_iter()
            .map(|item| match &item.kind {
                ValueKind::String(text) => entry(text),
                _ => item,
            })
            .collect(),
        other => vec![Value::new(None, other)],
    }
}

/// The variables of the environment, as text.
#[derive(Debug, Clone)]
struct Variables(HashMap<String, String>);

impl Source for Variables {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let setting = |(name, text): (&String, &String)| {
            let key = key_of(name).filter(|_| !text.is_empty())?;
            let origin = format!("the environment variable {name}");
            Some((key, Value::new(Some(&origin), ValueKind::String(text.clone()))))
        };
        Ok(self.0.iter().filter_map(setting).collect())
    }
}

/// Refuses an unknown name in the file.
fn check_file(path: &Path, file: &Config) -> Result<(), Failure> {
    let table: serde_json::Value =
        file.clone().try_deserialize().map_err(|e| Failure::usage(format!("settings: {e}")))?;
    let (names, mut found) = (names::all(), Default::default());
    names::flatten("", &table, &mut found);
    match found.keys().find(|key| !names.contains(key)) {
        Some(key) => {
            Err(Failure::usage(format!("{}: unknown setting \"{key}\"{}", path.display(), names::advice(key, &names))))
        }
        None => Ok(()),
    }
}

/// Refuses a variable that can only be a misspelled setting.
fn check_variables(variables: &HashMap<String, String>) -> Result<(), Failure> {
    let names = names::all();
    for name in variables.keys() {
        let Some(key) = key_of(name) else { continue };
        if !names.contains(&key) && names::is_meant(&key, &names) {
            let advice = names::advice(&key, &names).replace('.', "__").to_uppercase();
            let advice = advice.replace("; DID YOU MEAN ", "; did you mean AXME_");
            return Err(Failure::usage(format!("the environment variable {name}: unknown setting{advice}")));
        }
    }
    Ok(())
}

/// Returns the name of the setting that a variable stands for.
fn key_of(variable: &str) -> Option<String> {
    Some(variable.to_lowercase().strip_prefix("axme_")?.replace("__", "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(given: &[(&str, &str)]) -> HashMap<String, String> {
        given.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn flags_win_over_the_environment_and_it_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("axme.toml");
        std::fs::write(&file, "listen = '127.0.0.1:1'\nowner_email = 'file@x'\ndata = '/file'\n").unwrap();
        let flags = ServerFlags { listen: Some("127.0.0.1:3".to_owned()), ..Default::default() };
        let environment = variables(&[
            ("AXME_LISTEN", "127.0.0.1:2"),
            ("AXME_OWNER_EMAIL", "env@x"),
            ("AXME_API_KEY", "not a setting"),
            ("AXME_DATABASE_URL", ""),
        ]);
        let config = merge(&flags, Some(&file), environment).unwrap();
        let server: server::Config = config.try_deserialize().unwrap();
        assert_eq!(server.listen.to_string(), "127.0.0.1:3");
        assert_eq!((server.owner_email.as_str(), server.data.to_str()), ("env@x", Some("/file")));
        assert_eq!(server.database_url, None);
    }

    #[test]
    fn mail_and_embedding_are_set_in_the_file_and_in_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("axme.toml");
        std::fs::write(&file, "embed_origins = ['https://a.example.com']\n[mail]\nsmtp_url = 'smtp://file'\n").unwrap();
        let read = |given: &[(&str, &str)]| {
            let config = merge(&ServerFlags::default(), Some(&file), variables(given)).unwrap();
            config.try_deserialize::<server::Config>().unwrap()
        };
        let from_file = read(&[]);
        assert_eq!(from_file.embed_origins, ["https://a.example.com"]);
        assert_eq!(from_file.mail.smtp_url.as_deref(), Some("smtp://file"));
        let origins = "https://b.example.com,http://127.0.0.1:1";
        let over_it = read(&[("AXME_EMBED_ORIGINS", origins), ("AXME_MAIL__SMTP_URL", "smtp://environment")]);
        assert_eq!(over_it.embed_origins, ["https://b.example.com", "http://127.0.0.1:1"]);
        assert_eq!(over_it.mail.smtp_url.as_deref(), Some("smtp://environment"));
    }

    #[test]
    fn text_is_taken_letter_by_letter_and_entries_without_blanks() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("axme.toml");
        let text = "trusted_proxies = '10.0.0.0/8'\n[limits]\noffer_seconds = 7\noutbound_allow = [' 10.1.0.0/16 ']\n";
        std::fs::write(&file, text).unwrap();
        let read = |given: &[(&str, &str)]| {
            let config = merge(&ServerFlags::default(), Some(&file), variables(given)).unwrap();
            config.try_deserialize::<server::Config>().unwrap()
        };
        let from_file = read(&[]);
        assert_eq!(from_file.trusted_proxies, ["10.0.0.0/8"]);
        assert_eq!(
            (from_file.limits.offer_seconds, from_file.limits.outbound_allow),
            (vec![7], vec!["10.1.0.0/16".to_owned()])
        );
        let from_variables = read(&[
            ("AXME_MEDIA__SECRET_ACCESS_KEY", "0042"),
            ("AXME_MEDIA__ACCESS_KEY_ID", "1e3"),
            ("AXME_MEDIA__REGION", "true"),
            ("AXME_SIGN_UP", "true"),
            ("AXME_LIMITS__BODY_BYTES", "4096"),
            ("AXME_LIMITS__PUSH_RETRY_SECONDS", "5"),
            ("AXME_LIMITS__OFFER_SECONDS", " 1, 2 ,"),
            ("AXME_EMBED_ORIGINS", " https://a.example.com , https://b.example.com"),
            ("AXME_TRUSTED_PROXIES", "10.2.0.0/16"),
        ]);
        let media = &from_variables.media;
        assert_eq!(media.secret_access_key.as_deref(), Some("0042"));
        assert_eq!((media.access_key_id.as_deref(), media.region.as_deref()), (Some("1e3"), Some("true")));
        let limits = &from_variables.limits;
        assert!(from_variables.sign_up && limits.body_bytes == 4_096);
        assert_eq!((&limits.push_retry_seconds, &limits.offer_seconds), (&vec![5], &vec![1, 2]));
        assert_eq!(from_variables.embed_origins, ["https://a.example.com", "https://b.example.com"]);
        assert_eq!(from_variables.trusted_proxies, ["10.2.0.0/16"]);
    }

    #[test]
    fn a_tier_that_is_none_is_told_with_the_choices() {
        let read = |tier: &str| {
            let config = merge(&ServerFlags::default(), None, variables(&[("AXME_TIER", tier)])).unwrap();
            config.try_deserialize::<server::Config>().map(|config| config.tier.as_str())
        };
        assert_eq!(read("corporate").unwrap(), "corporate");
        let wrong = read("gold").unwrap_err().to_string();
        assert!(
            wrong.contains("AXME_TIER")
                && wrong.contains("unknown value \"gold\"; use one of self_hosted, email_verified"),
            "{wrong}"
        );
    }

    #[test]
    fn mistakes_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("axme.toml");
        for (text, wrong) in [
            ("lisen = '127.0.0.1:1'", "unknown setting \"lisen\"; did you mean listen?"),
            ("[limits]\nbody_byte = 1", "unknown setting \"limits.body_byte\"; did you mean limits.body_bytes?"),
            ("[mail]\nx = 1", "unknown setting \"mail.x\""),
        ] {
            std::fs::write(&file, text).unwrap();
            let failure = merge(&ServerFlags::default(), Some(&file), HashMap::new()).unwrap_err();
            assert!(failure.ending == crate::exit::Ending::Usage && failure.message.contains(wrong), "{failure:?}");
        }
        for (name, near) in
            [("AXME_PUBLIC_ULR", "AXME_PUBLIC_URL"), ("AXME_LIMITS__BODY_BYTE", "AXME_LIMITS__BODY_BYTES")]
        {
            let failure = merge(&ServerFlags::default(), None, variables(&[(name, "1")])).unwrap_err();
            let wrong = format!("the environment variable {name}: unknown setting; did you mean {near}?");
            assert!(failure.ending == crate::exit::Ending::Usage && failure.message == wrong, "{failure:?}");
        }
        let missing = folder.path().join("missing.toml");
        assert!(merge(&ServerFlags::default(), Some(&missing), HashMap::new()).is_err());
        let config = merge(&ServerFlags::default(), None, variables(&[("AXME_LISTEN", "127.0.0.1:80000")])).unwrap();
        let wrong = config.try_deserialize::<server::Config>().unwrap_err().to_string();
        assert!(wrong.contains("\"127.0.0.1:80000\" is not an IP address with a port"), "{wrong}");
    }
}
