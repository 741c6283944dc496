//! Sends mail through a mail server. If none is set, writes it as files to a folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::config::MailSettings;
use crate::private_file;
use axme_core::system::{Mail, MailError};

/// The time limit for handing one mail over.
const SEND_SECONDS: u64 = 20;

pub struct Mailer {
    from: Mailbox,
    way: MailTransport,
}

enum MailTransport {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    /// No mail is sent; the operator reads the folder.
    Outbox(PathBuf),
}

impl Mailer {
    /// Returns a mailer for the settings. Without a mail server it writes mail to `outbox`.
    pub fn new(settings: &MailSettings, outbox: &Path) -> Result<Mailer, String> {
        let from = settings.from.parse().map_err(|error| format!("mail.from \"{}\": {error}", settings.from))?;
        let way = match &settings.smtp_url {
            // The parser's error may contain the password, so the message leaves it out.
            Some(url) => MailTransport::Smtp(
                AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
                    .map_err(|_| "mail.smtp_url: must be like smtps://user:password@mail.example.com".to_owned())?
                    .timeout(Some(Duration::from_secs(SEND_SECONDS)))
                    .build(),
            ),
            None => MailTransport::Outbox(outbox.to_owned()),
        };
        Ok(Mailer { from, way })
    }

    /// Returns the folder that mail is written to, if there is no mail server.
    pub fn outbox(&self) -> Option<&Path> {
        match &self.way {
            MailTransport::Smtp(_) => None,
            MailTransport::Outbox(folder) => Some(folder),
        }
    }

    /// Connects to the mail server and signs in, without sending anything.
    pub async fn connect(&self) -> Result<(), String> {
        let MailTransport::Smtp(server) = &self.way else { return Ok(()) };
        match tokio::time::timeout(Duration::from_secs(SEND_SECONDS), server.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("the mail server refuses the connection".to_owned()),
            Ok(Err(error)) => Err(reason(&error)),
            Err(_) => Err("the mail server did not answer in time".to_owned()),
        }
    }

    pub async fn send(&self, mail: Mail) -> Result<(), MailError> {
        let message = self.message(&mail).map_err(|why| MailError { why, is_final: true })?;
        let for_now = |why: String| MailError { why, is_final: false };
        match &self.way {
            // The limit covers the whole exchange: a server may stop answering at any point.
            MailTransport::Smtp(server) => {
                match tokio::time::timeout(Duration::from_secs(SEND_SECONDS), server.send(message)).await {
                    Ok(outcome) => outcome
                        .map(|_| ())
                        .map_err(|error| MailError { why: reason(&error), is_final: error.is_permanent() }),
                    Err(_) => Err(for_now("the mail server did not answer in time".to_owned())),
                }
            }
            MailTransport::Outbox(folder) => {
                // Mail contains links.
                private_file::write(&folder.join(format!("{}.eml", mail.id)), &message.formatted())
                    .map_err(|error| for_now(error.to_string()))
            }
        }
    }

    fn message(&self, mail: &Mail) -> Result<Message, String> {
        let to: Mailbox =
            mail.to.parse().map_err(|error| format!("\"{}\" is not a valid email address: {error}", mail.to))?;
        let host = self.from.email.domain().to_owned();
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(mail.subject.clone())
            .message_id(Some(format!("<{}@{host}>", mail.id)))
            // Asks mail programs not to send out-of-office replies.
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
            .map_err(|error| error.to_string())
    }
}

#[derive(Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<AutoSubmitted, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Returns the innermost cause, which is the most specific.
fn reason(error: &lettre::transport::smtp::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
