//! A connection to a server, with errors explained to people.

use axme_client::api::capabilities::EmptyInput;
use axme_client::api::{Op, OpInfo, me};
use axme_client::{Client, ClientError, Id, Json, JsonFields, Refusal, ServerState, Timestamp, Tokens};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connection::ConnectionSettings;
use crate::contexts::ContextTokens;
use crate::exit::Ending;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::{OutputFormat, answer_fields, line, local, with_progress};

impl ConnectionSettings {
    pub(crate) fn connect(self) -> Result<Session, Failure> {
        self.check_server()?;
        let place = |error| Failure::usage(format!("{error} (address from {})", self.base_url.source));
        axme_client::check_base_url(self.base_url.value.trim()).map_err(place)?;
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

/// How programs get the answer of a call (`spec/protocol.md` §3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// In an object with `ok` and the status.
    Wrapped,
    /// As the server sent it.
    Bare,
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

    /// Opens a connection for a person who is signed in.
    pub(crate) async fn open_person(flags: &Flags) -> Result<Session, Failure> {
        let session = ConnectionSettings::find(flags).await?.person_only().connect()?;
        match session.settings.actor_token {
            Some(_) => Ok(session),
            None => Err(Failure::of(Ending::NotSignedIn, "not signed in: run `axme login`")),
        }
    }

    /// Returns the organization and the workspace that a command is about: those of the settings, else those of the
    /// credential.
    pub(crate) async fn place(&self) -> Result<(Id, Id), Failure> {
        let given = self.settings.workspace();
        if let (Some(org_id), Some(workspace_id)) = (&given.org_id, &given.workspace_id) {
            return Ok((org_id.clone(), workspace_id.clone()));
        }
        let own = self.call(&me::GET, &EmptyInput::default()).await?;
        Ok((given.org_id.unwrap_or(own.org_id), given.workspace_id.unwrap_or(own.workspace_id)))
    }

    pub(crate) fn output(&self) -> OutputFormat {
        self.settings.output
    }

    /// Calls an operation and explains errors.
    pub(crate) async fn call<I: Serialize, O: DeserializeOwned>(&self, op: &Op<I, O>, input: &I) -> Result<O, Failure> {
        self.wait(self.client.call(op, input)).await
    }

    /// Calls an operation. Programs get its answer unchanged; `show` tells people about it.
    pub(crate) async fn tell<I: Serialize, O: DeserializeOwned>(
        &self,
        op: &Op<I, O>,
        input: &I,
        shape: Shape,
        show: impl FnOnce(O) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let answer = self.wait(self.client.call_text(&op.info, input, None)).await?;
        match (self.output().is_json(), shape) {
            (true, Shape::Wrapped) => self.print(&answer),
            (true, Shape::Bare) => self.output().print_text(&answer),
            (false, _) => show(answer.read()?),
        }
    }

    /// Calls an operation and prints its answer: unchanged for programs, as names and values for people.
    pub(crate) async fn show(&self, info: &OpInfo, input: &impl Serialize, key: Option<&str>) -> Result<(), Failure> {
        self.print(&self.wait(self.client.call_text(info, input, key)).await?)
    }

    /// Prints the answer of a call.
    pub(crate) fn print(&self, answer: &Json) -> Result<(), Failure> {
        if self.output() == OutputFormat::Text {
            return answer_fields(answer).iter().try_for_each(line);
        }
        let answer = JsonFields::new().with("body", answer.clone());
        self.output().print_text(&answer.with("ok", Json::of(&true)).with("status_code", Json::of(&200)).into())
    }

    /// Waits for a call, shows progress if it takes long, and explains its error.
    pub(crate) async fn wait<T>(&self, call: impl Future<Output = Result<T, ClientError>>) -> Result<T, Failure> {
        let what = format!("waiting for {}", self.settings.base_url.value);
        with_progress(&what, call).await.map_err(|error| self.explain(&error))
    }

    /// Explains the error of a call made through `client`.
    pub(crate) fn check<T>(&self, result: Result<T, ClientError>) -> Result<T, Failure> {
        result.map_err(|error| self.explain(&error))
    }

    /// Returns one line that says what is wrong and what to do.
    pub(crate) fn explain(&self, error: &ClientError) -> Failure {
        match error {
            ClientError::Refused(refusal) => self.explain_refusal(refusal),
            ClientError::Transport(_) => Failure::new(format!(
                "{error} (address from {}); `axme dev` starts a server on this machine",
                self.settings.base_url.source
            )),
            ClientError::Input(_) => Failure::usage(error),
            ClientError::Answer(_) | ClientError::StillRunning { .. } => Failure::new(error),
        }
    }

    fn explain_refusal(&self, refusal: &Refusal) -> Failure {
        let ConnectionSettings { base_url, api_key, actor_token, .. } = &self.settings;
        let (ending, message) = match refusal.status {
            401 if PERSON_REQUIRED.contains(&refusal.code.as_str()) => {
                let message = match actor_token {
                    None => format!("this needs a person signed in at {}: run `axme login`", base_url.value),
                    Some(_) => format!("your session at {} has ended; sign in again: `axme login`", base_url.value),
                };
                (Ending::NotSignedIn, message)
            }
            401 => {
                let mut credentials =
                    api_key.iter().map(|key| ("key", key)).chain(actor_token.iter().map(|t| ("token", t)));
                let message = match credentials.next() {
                    None => format!(
                        "no API key for {}: pass --api-key, set AXME_API_KEY or run `axme login`; on the machine of the \
                         server, `axme --data DIR` takes the key from its folder",
                        base_url.value
                    ),
                    Some((kind, credential)) => {
                        format!("{} rejects the {kind} from {}: {}", base_url.value, credential.source, refusal.message)
                    }
                };
                (Ending::NoCredential, message)
            }
            429 if refusal.code == "quota_exceeded" => (Ending::Refused, quota_message(refusal)),
            _ => (Ending::Refused, refusal.to_string()),
        };
        Failure { ending, ..Failure::refused(refusal, message) }
    }
}

/// Returns what tells a person that the server is away, and that it is back.
pub(crate) fn report_server(session: &Session) -> impl Fn(ServerState) + Send + Sync + 'static {
    let server = session.settings.base_url.value.clone();
    move |state| match state {
        ServerState::Away => eprintln!("axme: {server} is away; waiting for it"),
        ServerState::Back => eprintln!("axme: {server} is back"),
    }
}

/// Says which quota is used up, and until when.
fn quota_message(refusal: &Refusal) -> String {
    let details = &refusal.details;
    let number = |name: &str| details.get(name).map(|value| value.to_string()).unwrap_or_else(|| "?".to_owned());
    let reset = details.get("reset_at").and_then(|at| at.as_str()).and_then(Timestamp::parse);
    let reset = reset.map(|at| format!(", until {}", local(at))).unwrap_or_default();
    format!("{refusal}: {} of {} are used{reset}; see `axme quota show`", number("used"), number("limit"))
}

/// Error codes of a call that needs a signed-in person (`spec/protocol.md` §1.4).
const PERSON_REQUIRED: [&str; 3] = ["missing_actor_token", "token_expired", "invalid_actor_token"];
