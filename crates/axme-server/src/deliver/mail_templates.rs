//! Builds mails: about tasks, for notices of steps, for sign-ins and for trials.

use askama::Template;
use axme_intent::lifecycle::Occasion;
use axme_intent::visible::visible_line;
use axme_intent::{HumanTask, Time};
use uuid::Uuid;

use axme_core::ops::logins::Secrets;
use axme_core::system::Mail;
use axme_store::alpha::Trial;
use axme_store::notices::Notice;

const MAX_SUBJECT_CHARS: usize = 200;

/// The content of a mail about a task.
pub struct TaskMail {
    pub about: Occasion,
    pub task: HumanTask,
    /// The events since the person was asked, as sentences.
    pub history: Vec<String>,
    pub intent_id: String,
    pub intent_type: String,
    pub from: String,
    pub url: String,
    pub expires_at: Time,
    pub due_at: Option<Time>,
}

impl TaskMail {
    fn why(&self) -> &'static str {
        match self.about {
            Occasion::Asked => "You are asked to answer a task.",
            Occasion::Reminded => "A task still waits for your answer.",
            Occasion::Escalated => "A task was not answered in time, and you are asked instead.",
        }
    }

    fn task_type(&self) -> &str {
        self.task.task_type.as_deref().unwrap_or("approval")
    }

    fn description(&self) -> &str {
        self.task.description.as_deref().unwrap_or_default()
    }

    fn due(&self) -> String {
        self.due_at.map(Time::in_minutes).unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "mail/task.html")]
struct TaskHtml<'a> {
    letter: &'a TaskMail,
}

#[derive(Template)]
#[template(path = "mail/task.txt", escape = "none")]
struct TaskText<'a> {
    letter: &'a TaskMail,
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
        subject: one_line(&format!("{prefix}{}", letter.task.title)),
        text: TaskText { letter }.render().unwrap_or_else(|_| letter.url.clone()),
        html: TaskHtml { letter }.render().unwrap_or_default(),
        link: Some(letter.url.clone()),
    }
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

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    visible_line(&words.join(" ")).chars().take(MAX_SUBJECT_CHARS).collect()
}
