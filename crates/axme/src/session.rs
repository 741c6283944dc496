//! A connection to a server, with errors explained to people.

use axme_client::api::{Op, OpInfo};
use axme_client::{Client, ClientError, Json, JsonFields, Tokens};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connection::ConnectionSettings;
use crate::contexts::ContextTokens;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::{OutputFormat, line};

impl ConnectionSettings {
    pub(crate) fn connect(self) -> Result<Session, Failure> {
        self.check_server()?;
        let mut client = Client::builder(&self.base_url.value).program(concat!("axme-cli/", env!("CARGO_PKG_VERSION")));
        if let Some(key) = &self.api_key {
            client = client.api_key(&key.value);
        }
        match (&self.actor_token, &self.refresh_token) {
            (Some(access), Some(refresh)) => {
                let tokens = Tokens { access: access.value.clone(), refresh: refresh.clone() };
                client = client.signed_in(tokens, ContextTokens { context: self.context.clone() });
            }
            (Some(access), None) => client = client.bearer(&access.value),
            (None, _) => {}
        }
        if let Some(owner) = &self.owner_agent {
            client = client.owner_agent(&owner.value);
        }
        let client = client.build().map_err(Failure::usage)?;
        Ok(Session { client, settings: self })
    }
}

/// A connection to a server.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) settings: ConnectionSettings,
}

impl Session {
    pub(crate) async fn open(flags: &Flags) -> Result<Session, Failure> {
        ConnectionSettings::find(flags).await?.connect()
    }

    pub(crate) fn output(&self) -> OutputFormat {
        self.settings.output
    }

    /// Calls an operation and explains errors.
    pub(crate) async fn call<I: Serialize, O: DeserializeOwned>(&self, op: &Op<I, O>, input: &I) -> Result<O, Failure> {
        self.client.call(op, input).await.map_err(|error| self.explain(&error))
    }

    /// Calls an operation and prints its answer unchanged. In JSON format, a refusal is printed too and the command
    /// succeeds (`spec/protocol.md` §3.1).
    pub(crate) async fn show(&self, info: &OpInfo, input: &impl Serialize, key: Option<&str>) -> Result<(), Failure> {
        self.print(self.client.call_text(info, input, key).await)
    }

    pub(crate) fn print(&self, answer: Result<Json, ClientError>) -> Result<(), Failure> {
        let (ok, status, body) = match (answer, self.output()) {
            (Ok(body), OutputFormat::Text) => return line(body.pretty()),
            (Ok(body), OutputFormat::Json) => (true, 200, body),
            (Err(ClientError::Refused(refusal)), OutputFormat::Json) => (false, refusal.status, refusal.body.into()),
            (Err(error), _) => return Err(self.explain(&error)),
        };
        let answer = JsonFields::new().with("body", body);
        line(Json::from(answer.with("ok", Json::of(&ok)).with("status_code", Json::of(&status))).text())
    }

    /// Explains the error of a call made through `client`.
    pub(crate) fn check<T>(&self, result: Result<T, ClientError>) -> Result<T, Failure> {
        result.map_err(|error| self.explain(&error))
    }

    /// Returns one line that says what is wrong and what to do.
    pub(crate) fn explain(&self, error: &ClientError) -> Failure {
        let base_url = &self.settings.base_url;
        match error {
            ClientError::Refused(refusal)
                if refusal.status == 401 && PERSON_REQUIRED.contains(&refusal.code.as_str()) =>
            {
                Failure::usage(match &self.settings.actor_token {
                    None => format!("this needs a person signed in at {}: run `axme login`", base_url.value),
                    Some(_) => format!("your session at {} has ended; sign in again: `axme login`", base_url.value),
                })
            }
            ClientError::Refused(refusal) if refusal.status == 401 => {
                let ConnectionSettings { api_key, actor_token, .. } = &self.settings;
                let mut credentials =
                    api_key.iter().map(|key| ("key", key)).chain(actor_token.iter().map(|t| ("token", t)));
                Failure::new(match credentials.next() {
                    None => format!(
                        "no API key for {}: pass --api-key, set AXME_API_KEY or run `axme context set`; `axme dev` starts a \
                         local server with a key",
                        base_url.value
                    ),
                    Some((kind, credential)) => {
                        format!("{} rejects the {kind} from {}: {}", base_url.value, credential.source, refusal.message)
                    }
                })
            }
            ClientError::Refused(refusal) => Failure::new(refusal),
            ClientError::Transport(_) => Failure::new(format!(
                "{error} (address from {}); `axme dev` starts a server on this machine",
                base_url.source
            )),
            ClientError::Input(_) => Failure::usage(error),
            ClientError::Answer(_) | ClientError::StillRunning { .. } => Failure::new(error),
        }
    }
}

/// Error codes of a call that needs a signed-in person (`spec/protocol.md` §1.4).
const PERSON_REQUIRED: [&str; 3] = ["missing_actor_token", "token_expired", "invalid_actor_token"];
