//! Builds mails: about tasks, for notices of steps, for sign-ins and for trials.

use askama::Template;
use axme_api::roles::OrgRole;
use axme_intent::lifecycle::Occasion;
use axme_intent::prospect::{self, Prospects};
use axme_intent::receipt::Receipt;
use axme_intent::visible::visible_line;
use axme_intent::{HumanTask, Time, outcome, template};
use axme_words::{Language, Text, say};
use uuid::Uuid;

use crate::http::host;
use axme_core::ops::links::CalledOff;
use axme_core::ops::logins::Secrets;
use axme_core::ops::requester::Requester;
use axme_core::system::Mail;
use axme_store::alpha::Trial;
use axme_store::audit_chain::Checkpoint;
use axme_store::notices::Notice;

const MAX_SUBJECT_CHARS: usize = 200;

/// The content of a mail about a task, in the order of its page.
pub struct TaskMail {
    pub language: Language,
    pub about: Occasion,
    pub task: HumanTask,
    /// The description as HTML that is safe to put into a mail.
    pub description_html: String,
    pub requester: Requester,
    /// The key facts, or else the fields of the payload: labels and values.
    pub facts: Vec<(String, String)>,
    pub prospects: Prospects,
    /// The absent person in whose place the recipient may answer; empty if the task asks the recipient.
    pub deputy_for: String,
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
    fn say(&self, id: &'static str) -> Text {
        say(self.language, id)
    }

    pub(super) fn why(&self) -> String {
        let why = match self.about {
            Occasion::Asked => String::new(),
            Occasion::Reminded => self.say("mail-reminded").into(),
            Occasion::Escalated => self.say("mail-escalated").into(),
            // A requester gets a mail of their own.
            Occasion::Replied | Occasion::Questioned => self.say("mail-replied").into(),
        };
        match self.deputy_for.is_empty() {
            true => why,
            false => format!("{} {why}", self.say("task-deputy").with("names", &self.deputy_for)).trim().to_owned(),
        }
    }

    pub(super) fn request(&self) -> String {
        prospect::request(self.task.task_type.as_deref(), self.language)
    }

    pub(super) fn origin(&self) -> String {
        let Requester { detail, organization, workspace, .. } = &self.requester;
        let workspace = match workspace.is_empty() {
            true => String::new(),
            false => self.say("name-workspace").with("name", workspace).into(),
        };
        let parts = [detail.clone(), organization.clone(), workspace];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<String>>().join(" · ")
    }

    fn footer(&self) -> Text {
        let task = self.task.task_type.as_deref().unwrap_or("approval");
        self.say("mail-intent").with("id", &self.intent_id).with("type", &self.intent_type).with("task", task)
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
    language: Language,
    title: String,
    facts: Vec<(String, String)>,
    sentences: Vec<String>,
    /// Text without a change, such as a signed receipt.
    kept: &'a str,
}

impl DecisionMail<'_> {
    fn say(&self, id: &'static str) -> Text {
        say(self.language, id)
    }
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
pub(crate) fn of_receipt(
    notice: &Notice,
    (organization, host): (&str, &str),
    receipt: &Receipt,
    signed: &str,
    language: Language,
) -> Mail {
    let label = |id: &'static str| String::from(say(language, id));
    let recorded = Time::parse(&receipt.decided_at).map(|at| axme_words::time(language, at));
    let mut facts = vec![
        (label("done-task"), receipt.title.clone()),
        (label("task-answer"), outcome::word(language, &receipt.outcome)),
        (label("done-recorded"), recorded.unwrap_or_else(|| receipt.decided_at.clone())),
        (label("receipt-receipt"), receipt.receipt_id.to_string()),
        (label("receipt-intent"), receipt.intent_id.clone()),
    ];
    facts.extend(receipt.comment.clone().map(|comment| (label("task-comment"), comment)));
    let title = say(language, "receipt-title").with("title", &receipt.title).into();
    let sentences = vec![label("receipt-not-you"), label("receipt-keep")];
    tell(notice, organization, host, &DecisionMail { language, title, facts, sentences, kept: signed })
}

/// The content of a mail about a question to the requester.
pub(crate) struct QuestionMail {
    pub language: Language,
    pub organization: String,
    pub title: String,
    pub asked_by: String,
    pub question: String,
    pub due: Option<Time>,
    pub intent_id: String,
    /// The host of the server, and the address of the inbox.
    pub host: String,
    pub inbox: String,
}

/// The mail to a requester whom a person asks before answering.
pub(crate) fn of_question(notice: &Notice, letter: &QuestionMail) -> Mail {
    let language = letter.language;
    let label = |id: &'static str| String::from(say(language, id));
    let mut facts = vec![
        (label("done-task"), letter.title.clone()),
        (label("question-by"), letter.asked_by.clone()),
        (label("question-text"), template::unlinked(&letter.question)),
        (label("receipt-intent"), letter.intent_id.clone()),
    ];
    facts.extend(letter.due.map(|due| (label("question-due"), axme_words::time(language, due))));
    let sentences = vec![
        say(language, "question-why").with("name", &letter.asked_by).into(),
        say(language, "question-inbox").with("url", &letter.inbox).into(),
    ];
    let title = say(language, "question-title").with("title", &letter.title).into();
    tell(notice, &letter.organization, &letter.host, &DecisionMail { language, title, facts, sentences, kept: "" })
}

/// The mail that an answer is no longer needed.
pub(crate) fn of_call_off(
    notice: &Notice,
    requester: &Requester,
    host: &str,
    over: &CalledOff,
    language: Language,
) -> Mail {
    let label = |id: &'static str| String::from(say(language, id));
    let title = say(language, "over-title").with("title", &over.title).into();
    let facts = vec![
        (label("done-task"), over.title.clone()),
        (label("over-requester"), requester.name.clone()),
        (label("receipt-intent"), notice.intent.map(|intent| intent.to_string()).unwrap_or_default()),
    ];
    let sentences = vec![over.why.sentence(language), label("over-nothing-to-do")];
    tell(notice, &requester.organization, host, &DecisionMail { language, title, facts, sentences, kept: "" })
}

/// The facts of a new membership that its mail tells.
pub(crate) struct Invitation {
    pub organization: String,
    /// `None` for a membership in the whole organization.
    pub workspace: Option<String>,
    pub role: OrgRole,
    pub by: Option<String>,
}

/// The mail about a new membership.
pub(crate) fn of_invitation(notice: &Notice, invitation: &Invitation, base_url: &str, language: Language) -> Mail {
    let label = |id: &'static str| String::from(say(language, id));
    let Invitation { organization, workspace, role, by } = invitation;
    let mut facts = vec![(label("invitation-organization"), organization.clone())];
    facts.extend(workspace.clone().map(|workspace| (label("connect-workspace"), workspace)));
    facts.push((label("invitation-role"), role.to_string()));
    facts.extend(by.as_deref().map(|by| (label("invitation-by"), prospect::shown(by, language))));
    facts.push((label("invitation-address"), notice.recipient.clone()));
    let url = format!("{base_url}/inbox");
    let title = say(language, "invitation-title").with("organization", organization).into();
    let sentences = vec![say(language, "invitation-sign-in").with("url", url).into(), label("invitation-unexpected")];
    tell(notice, organization, &host(base_url), &DecisionMail { language, title, facts, sentences, kept: "" })
}

#[derive(Template)]
#[template(path = "mail/notice.html")]
struct NoticeHtml<'a> {
    language: Language,
    subject: &'a str,
    body: &'a str,
}

/// The mail about a task.
pub(crate) fn of_task(notice: &Notice, letter: &TaskMail) -> Mail {
    let title = &letter.task.title;
    let about = match letter.about {
        Occasion::Asked => title.clone(),
        Occasion::Reminded => letter.say("mail-subject-reminder").with("title", title).into(),
        Occasion::Escalated => letter.say("mail-subject-escalated").with("title", title).into(),
        Occasion::Replied | Occasion::Questioned => letter.say("mail-subject-reply").with("title", title).into(),
    };
    Mail {
        id: notice.id.to_string(),
        to: notice.recipient.clone(),
        subject: subject(&letter.requester.organization, &about),
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
    let html = NoticeHtml { language: Language::English, subject: &subject, body: &body }.render().unwrap_or_default();
    Mail { id, to: to.to_owned(), subject: one_line(&subject), text: body, html, link: None }
}

/// Returns the mail that keeps checkpoints of the audit trail outside the server.
pub(crate) fn of_checkpoints(id: String, to: &str, checkpoints: &[(Uuid, Checkpoint)], host: &str) -> Mail {
    let subject = format!("Checkpoints of the audit trail: {host}");
    let mut body = format!(
        "Keep this mail. With it, you can prove that nobody has changed the audit trail of {host}.\n\n\
         Save the mail as a file, and compare it with the database or with an export:\n\n    axme audit verify --checkpoint FILE\n"
    );
    for (trail, Checkpoint { link, at, statement, .. }) in checkpoints {
        body += &format!("\nTrail {trail}, line {}, signed at {at}:\n{statement}\n", link.seq);
    }
    let html = NoticeHtml { language: Language::English, subject: &subject, body: &body }.render().unwrap_or_default();
    Mail { id, to: to.to_owned(), subject: one_line(&subject), text: body, html, link: None }
}

/// The mail for a notice of a step, in the words of its author. `language` is that of the server.
pub(crate) fn of_notice(notice: &Notice, subject: &str, body: &str, language: Language) -> Mail {
    Mail {
        id: notice.id.to_string(),
        to: notice.recipient.clone(),
        subject: one_line(subject),
        text: body.to_owned(),
        html: NoticeHtml { language, subject, body }.render().unwrap_or_default(),
        link: None,
    }
}

#[derive(Template)]
#[template(path = "mail/login.html")]
struct LoginHtml<'a> {
    language: Language,
    secrets: &'a Secrets,
    url: &'a str,
}

#[derive(Template)]
#[template(path = "mail/login.txt", escape = "none")]
struct LoginText<'a> {
    language: Language,
    secrets: &'a Secrets,
    url: &'a str,
}

impl LoginHtml<'_> {
    fn say(&self, id: &'static str) -> Text {
        say(self.language, id)
    }
}

impl LoginText<'_> {
    fn say(&self, id: &'static str) -> Text {
        say(self.language, id)
    }
}

/// The mail with the code and the link of a sign-in.
pub(crate) fn of_login(notice: &Notice, login: Uuid, secrets: &Secrets, base_url: &str, language: Language) -> Mail {
    let url = format!("{base_url}/app/login/{login}?token={}", secrets.link_token);
    let text = LoginText { language, secrets, url: &url }.render();
    Mail {
        id: notice.id.to_string(),
        to: secrets.email.clone(),
        subject: say(language, "login-subject").with("code", &secrets.code).into(),
        text: text.unwrap_or_else(|_| url.clone()),
        html: LoginHtml { language, secrets, url: &url }.render().unwrap_or_default(),
        link: Some(url),
    }
}

/// The mail that verifies the email address of a trial.
pub(crate) fn of_trial(notice: &Notice, trial: &Trial, token: &str, base_url: &str, language: Language) -> Mail {
    let url = format!("{base_url}/app/login/trial?token={token}");
    let subject = String::from(say(language, "trial-mail-subject"));
    let body = say(language, "trial-mail-body").with("url", base_url).with("at", trial.expires_at);
    let body = format!("{body}\n\n{url}");
    Mail {
        id: notice.id.to_string(),
        to: trial.email.clone(),
        html: NoticeHtml { language, subject: &subject, body: &body }.render().unwrap_or_default(),
        subject,
        text: body,
        link: Some(url),
    }
}

/// Returns a subject that begins with the name of the organization.
pub(super) fn subject(organization: &str, text: &str) -> String {
    if organization.is_empty() { one_line(text) } else { one_line(&format!("[{organization}] {text}")) }
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    visible_line(&words.join(" ")).chars().take(MAX_SUBJECT_CHARS).collect()
}
