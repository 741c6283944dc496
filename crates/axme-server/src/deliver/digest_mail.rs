//! Builds the mail that a person gets once a day.

use askama::Template;
use axme_core::system::Mail;
use axme_store::notices::Notice;
use axme_words::{Language, Text, say};

use super::mail_templates::{TaskMail, subject};

/// The content of a daily mail.
pub(crate) struct DigestMail {
    pub language: Language,
    pub organization: String,
    /// The host of the server.
    pub host: String,
    pub letters: Vec<TaskMail>,
    pub overs: Vec<NoLonger>,
}

/// A task that needs no answer of the recipient any more.
pub(crate) struct NoLonger {
    pub title: String,
    pub why: String,
}

impl DigestMail {
    fn say(&self, id: &'static str) -> Text {
        say(self.language, id)
    }

    fn title(&self) -> String {
        match self.letters.len() {
            0 => self.say("digest-over").into(),
            count => self.say("digest-title").with("count", count).into(),
        }
    }
}

#[derive(Template)]
#[template(path = "mail/digest.html")]
struct DigestHtml<'a> {
    digest: &'a DigestMail,
    organization: &'a str,
    host: &'a str,
}

#[derive(Template)]
#[template(path = "mail/digest.txt", escape = "none")]
struct DigestText<'a> {
    digest: &'a DigestMail,
}

/// The mail that tells of several tasks.
pub(crate) fn of_digest(notice: &Notice, digest: &DigestMail) -> Mail {
    Mail {
        id: notice.id.to_string(),
        to: notice.recipient.clone(),
        subject: subject(&digest.organization, &digest.title()),
        text: DigestText { digest }.render().unwrap_or_default(),
        html: DigestHtml { digest, organization: &digest.organization, host: &digest.host }
            .render()
            .unwrap_or_default(),
        link: digest.letters.first().map(|letter| letter.url.clone()),
    }
}
