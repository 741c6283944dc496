//! Builds mails: about tasks, for notices of steps, for sign-ins and for trials.

use askama::Template;
use axme_intent::fields::words;
use axme_intent::lifecycle::Occasion;
use axme_intent::prospect::{self, Prospects};
use axme_intent::receipt::Receipt;
use axme_intent::visible::visible_line;
use axme_intent::{HumanTask, Time};
use uuid::Uuid;

use axme_core::ops::logins::Secrets;
use axme_core::ops::requester::Requester;
use axme_core::system::Mail;
use axme_store::alpha::Trial;
use axme_store::notices::Notice;

const MAX_SUBJECT_CHARS: usize = 200;

/// The content of a mail about a task, in the order of its page.
pub struct TaskMail {
    pub about: Occasion,
    pub task: HumanTask,
    /// The description as HTML that is safe to put into a mail.
    pub description_html: String,
    pub requester: Requester,
    /// The key facts, or else the fields of the payload: labels and values.
    pub facts: Vec<(String, String)>,
    pub prospects: Prospects,
    /// The deciders, as a sentence.
    pub deciders: String,
    /// The events since the person was asked, as sentences.
    pub history: Vec<String>,
    pub intent_id: String,
    pub intent_type: String,
    pub url: String,
    /// The host of the server.
    pub host: String,
    pub expires_at: Time,
}

impl TaskMail {
    fn why(&self) -> &'static str {
        match self.about {
            Occasion::Asked => "",
            Occasion::Reminded => "A task still waits for your answer.",
            Occasion::Escalated => "A task was not answered in time, and you are asked instead.",
        }
    }

    fn request(&self) -> &'static str {
        prospect::request(self.task.task_type.as_deref())
    }

    fn origin(&self) -> String {
        let Requester { detail, organization, workspace, .. } = &self.requester;
        let workspace = if workspace.is_empty() { String::new() } else { format!("workspace {workspace}") };
        let parts = [detail.clone(), organization.clone(), workspace];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<String>>().join(" · ")
    }

    fn task_type(&self) -> &str {
        self.task.task_type.as_deref().unwrap_or("approval")
    }

    fn description(&self) -> &str {
        self.task.description.as_deref().unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "mail/task.html")]
struct TaskHtml<'a> {
    letter: &'a TaskMail,
    organization: &'a str,
    host: &'a str,
}

#[derive(Template)]
#[template(path = "mail/task.txt", escape = "none")]
struct TaskText<'a> {
    letter: &'a TaskMail,
}

/// The content of a mail about a decision.
struct DecisionMail<'a> {
    title: String,
    facts: Vec<(&'static str, String)>,
    sentences: Vec<String>,
    /// Text without a change, such as a signed receipt.
    kept: &'a str,
}

#[derive(Template)]
#[template(path = "mail/told.html")]
struct ToldHtml<'a> {
    told: &'a DecisionMail<'a>,
    organization: &'a str,
    host: &'a str,
}

#[derive(Template)]
#[template(path = "mail/told.txt", escape = "none")]
struct ToldText<'a> {
    told: &'a DecisionMail<'a>,
    organization: &'a str,
    host: &'a str,
}

fn tell(notice: &Notice, organization: &str, host: &str, told: &DecisionMail<'_>) -> Mail {
    Mail {
        id: notice.id.to_string(),
        to: notice.recipient.clone(),
        subject: subject(organization, &told.title),
        text: ToldText { told, organization, host }.render().unwrap_or_default(),
        html: ToldHtml { told, organization, host }.render().unwrap_or_default(),
        link: None,
    }
}

/// The mail with the signed receipt of a decision, for the person who decided.
pub(crate) fn of_receipt(notice: &Notice, organization: &str, host: &str, receipt: &Receipt, signed: &str) -> Mail {
    let mut facts = vec![
        ("Task", receipt.title.clone()),
        ("Your answer", words(&receipt.outcome)),
        ("Recorded", Time::parse(&receipt.decided_at).map_or(receipt.decided_at.clone(), Time::in_minutes)),
        ("Receipt", receipt.receipt_id.to_string()),
        ("Intent", receipt.intent_id.clone()),
    ];
    facts.extend(receipt.comment.clone().map(|comment| ("Comment", comment)));
    let sentences = vec![
        "If this was not you, tell the administrators of this server at once.".to_owned(),
        "Keep the signed receipt below: axme verify checks it.".to_owned(),
    ];
    tell(
        notice,
        organization,
        host,
        &DecisionMail { title: format!("Receipt: {}", receipt.title), facts, sentences, kept: signed },
    )
}

#[derive(Template)]
#[template(path = "mail/notice.html")]
struct NoticeHtml<'a> {
    subject: &'a str,
    body: &'a str,
}

/// The mail about a task.
pub(crate) fn of_task(notice: &Notice, letter: &TaskMail) -> Mail {
    let prefix = match letter.about {
        Occasion::Asked => "",
        Occasion::Reminded => "Reminder: ",
        Occasion::Escalated => "Escalated: ",
    };
    Mail {
        id: notice.id.to_string(),
        to: notice.recipient.clone(),
        subject: subject(&letter.requester.organization, &format!("{prefix}{}", letter.task.title)),
        text: TaskText { letter }.render().unwrap_or_else(|_| letter.url.clone()),
        html: TaskHtml { letter, organization: &letter.requester.organization, host: &letter.host }
            .render()
            .unwrap_or_default(),
        link: Some(letter.url.clone()),
    }
}

/// Returns the mail that tells the operator about trouble.
pub(crate) fn of_operator(id: String, to: &str, lines: &[String], host: &str) -> Mail {
    let subject = format!("AXME needs attention: {host}");
    let body = format!("{}\n\nThe next such mail comes in an hour at the earliest.\n", lines.join("\n"));
    let html = NoticeHtml { subject: &subject, body: &body }.render().unwrap_or_default();
    Mail { id, to: to.to_owned(), subject: one_line(&subject), text: body, html, link: None }
}

/// The mail for a notice of a step.
pub(crate) fn of_notice(notice: &Notice, subject: &str, body: &str) -> Mail {
    Mail {
        id: notice.id.to_string(),
        to: notice.recipient.clone(),
        subject: one_line(subject),
        text: body.to_owned(),
        html: NoticeHtml { subject, body }.render().unwrap_or_default(),
        link: None,
    }
}

#[derive(Template)]
#[template(path = "mail/login.html")]
struct LoginHtml<'a> {
    secrets: &'a Secrets,
    url: &'a str,
}

#[derive(Template)]
#[template(path = "mail/login.txt", escape = "none")]
struct LoginText<'a> {
    secrets: &'a Secrets,
    url: &'a str,
}

/// The mail with the code and the link of a sign-in.
pub(crate) fn of_login(notice: &Notice, login: Uuid, secrets: &Secrets, base_url: &str) -> Mail {
    let url = format!("{base_url}/app/login/{login}?token={}", secrets.link_token);
    let text = LoginText { secrets, url: &url }.render();
    Mail {
        id: notice.id.to_string(),
        to: secrets.email.clone(),
        subject: format!("{} is your code to sign in to AXME", secrets.code),
        text: text.unwrap_or_else(|_| url.clone()),
        html: LoginHtml { secrets, url: &url }.render().unwrap_or_default(),
        link: Some(url),
    }
}

/// The mail that verifies the email address of a trial.
pub(crate) fn of_trial(notice: &Notice, trial: &Trial, token: &str, base_url: &str) -> Mail {
    let url = format!("{base_url}/app/login/trial?token={token}");
    let subject = "Verify your address for AXME";
    let body = format!(
        "A person began a trial of AXME at {base_url} with this address. If it was you, open this link until {}; you can \
         sign in with the address from then on. If it was not, do nothing.\n\n{url}",
        trial.expires_at.in_minutes()
    );
    Mail {
        id: notice.id.to_string(),
        to: trial.email.clone(),
        subject: subject.to_owned(),
        html: NoticeHtml { subject, body: &body }.render().unwrap_or_default(),
        text: body,
        link: Some(url),
    }
}

/// Returns a subject that begins with the name of the organization.
fn subject(organization: &str, text: &str) -> String {
    if organization.is_empty() { one_line(text) } else { one_line(&format!("[{organization}] {text}")) }
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    visible_line(&words.join(" ")).chars().take(MAX_SUBJECT_CHARS).collect()
}
