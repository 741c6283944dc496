//! Those who get mail: they answer by its links, at once, late, twice, with another answer, or after the task was given to
//! somebody else. And scanners, which open every link and must change nothing.

use axme_intent::IntentId;
use axme_server::store::simulated::{Fate, forget_askings};
use axme_server::workers;
use serde_json::{Value, json};

use super::by_chief;
use crate::invariants::{hold, same};
use crate::stage::{Answer, Call};
use crate::{Checked, Mutation, Sim};

/// Letters that somebody is likely to answer next.
const RECENT: usize = 5;

/// A link in somebody's hands.
#[derive(Debug, Clone)]
pub struct Letter {
    pub intent: IntentId,
    pub person: String,
    pub via: &'static str,
    /// The asking that it is about.
    pub asking: u32,
    /// How often the task of the intent had been given to somebody else by then.
    pub transfers: usize,
    token: String,
    page: String,
    /// Every answer with one link carries the same mark: one of them may count.
    mark: Option<String>,
    /// It was tried at the end, when its asking was over.
    is_tried_late: bool,
}

/// One round of the worker that mails, on some node; then people find what has arrived.
pub fn tick(sim: &mut Sim) -> Checked {
    let app = sim.stage.app();
    let sent = sim.stage.drive(async move { workers::notices::tick(&app).await.map_err(|error| error.to_string()) });
    sim.note(&format!("told: {sent:?}"));
    super::receivers::hear(sim)?;
    let mails = sim.stage.outside.mails();
    if mails.is_empty() {
        return Ok(());
    }
    let notices = sim.stage.snapshot().notices;
    for mail in mails {
        sim.note(&format!("{} gets \"{}\"", mail.to, mail.subject));
        let notice = notices.iter().find(|notice| notice.id.to_string() == mail.id);
        let Some(notice) = notice else { return Err(format!("mail {} is no notice", mail.id)) };
        hold!(notice.recipient == mail.to, "{} got the mail of {}", mail.to, notice.recipient);
        sim.watch.arrived.insert(notice.id);
        hold!(mail.link.is_some() == notice.asking.is_some(), "mail {} has the link {:?}", mail.id, mail.link);
        if let (Some(page), Some(asking), Some(intent)) = (mail.link, notice.asking, notice.intent_id) {
            let token = page.split_once("?token=").map(|(_, token)| token.to_owned()).unwrap_or_default();
            keep(sim, intent, mail.to, "email", asking, (page, token));
        }
    }
    Ok(())
}

fn keep(sim: &mut Sim, intent: IntentId, person: String, via: &'static str, asking: u32, link: (String, String)) {
    let transfers = sim.watch.seen.get(&intent).map_or(0, |seen| seen.transfers(seen.events.len()));
    let (page, token) = link;
    sim.cast.letters.push(Letter {
        intent,
        person,
        via,
        asking,
        transfers,
        token,
        page,
        mark: None,
        is_tried_late: false,
    });
}

/// Somebody answers by a link, most often by one that came just now, and often by one to an asking that is over.
pub fn answer(sim: &mut Sim) -> Checked {
    let count = sim.cast.letters.len();
    if count == 0 {
        return Ok(());
    }
    let (recent, late) = (count.min(RECENT), links_to(sim, false));
    let nth = match sim.stage.below(10) {
        0..5 => count - recent + sim.stage.below(recent),
        5..8 if !late.is_empty() => late[sim.stage.below(late.len())],
        _ => sim.stage.below(count),
    };
    let outcome = match sim.stage.below(10) {
        0 => "perhaps",
        1..4 => "rejected",
        _ => "approved",
    };
    say(sim, nth, outcome)
}

fn say(sim: &mut Sim, nth: usize, outcome: &str) -> Checked {
    if sim.mutation == Some(Mutation::LinksForAnything) {
        sim.stage.make(|tx| Ok(forget_askings(tx)?));
    }
    let mark = match &sim.cast.letters[nth].mark {
        Some(mark) => mark.clone(),
        None => sim.promises.mark(),
    };
    sim.cast.letters[nth].mark = Some(mark.clone());
    let letter = sim.cast.letters[nth].clone();
    let call = |outcome: &str| Call {
        key: String::new(),
        method: "POST",
        path: "/v1/tasks/action".to_owned(),
        body: json!({ "token": letter.token, "task_result": { "outcome": outcome, "comment": mark } }),
        idempotency_key: None,
    };
    let copies = if sim.stage.chance(20) { 2 } else { 1 };
    let before = if copies == 1 { Some(sim.stage.snapshot()) } else { None };
    sim.stage.fates();
    let answers = sim.send(&vec![call(outcome); copies])?;
    if let Some(before) = before {
        let is_undone = answers[0].status >= 400 && !sim.stage.fates().contains(&Fate::DiesAfter);
        let is_changed = is_undone && !same(&before, &sim.stage.snapshot());
        hold!(!is_changed, "{}: a link was answered {} and changed something", letter.intent, answers[0].status);
    }
    for heard in &answers {
        sim.promises.answered_by_link(&mark, &letter, heard);
    }
    if sim.stage.chance(20) || (answers[0].is_unknown() && sim.stage.chance(60)) {
        let again = if sim.stage.chance(70) { outcome } else { "rejected" };
        let heard = sim.send_one(&call(again))?;
        sim.promises.answered_by_link(&mark, &letter, &heard);
    }
    Ok(())
}

/// Whatever opens every link in a mail changes nothing, and never fails.
pub fn scan(sim: &mut Sim) -> Checked {
    let recent = sim.cast.letters.len().saturating_sub(RECENT);
    let pages: Vec<String> = sim.cast.letters[recent..].iter().map(|letter| letter.page.clone()).collect();
    let before = sim.stage.snapshot();
    for path in pages {
        let call = Call { key: String::new(), method: "GET", path, body: Value::Null, idempotency_key: None };
        let heard = sim.send_one(&call)?;
        hold!(matches!(heard.status, 200 | 404 | 410), "{} was answered {}", call.path, heard.status);
    }
    hold!(same(&before, &sim.stage.snapshot()), "a link was opened, and something changed");
    Ok(())
}

/// Somebody who embeds a form gets a link for a person. Refused when nobody is asked.
pub fn ask_for_link(sim: &mut Sim, id: IntentId, person: &str) -> Result<Answer, String> {
    let heard = by_chief(sim, "POST", &format!("/v1/tasks/{id}/links"), json!({ "person": person }))?;
    let waiting = sim.watch.seen.get(&id).and_then(|seen| seen.head.intent.open_task().and(seen.head.intent.waiting()));
    let asking = waiting.map(|waiting| waiting.asking);
    if heard.status == 200 {
        let Some(asking) = asking else { return Err(format!("{id}: a link to no task")) };
        let text = |field: &str| heard.body[field].as_str().unwrap_or_default().to_owned();
        keep(sim, id, person.to_owned(), "form", asking, (text("url"), text("token")));
    }
    Ok(heard)
}

/// Links to what a live intent asked before it asked what it asks now, and with `is_current` those to what it asks now.
fn links_to(sim: &Sim, is_current: bool) -> Vec<usize> {
    let is_wanted = |letter: &Letter| {
        let head = sim.watch.seen.get(&letter.intent).map(|seen| &seen.head.intent);
        let waiting = head.and_then(|head| head.open_task().and(head.waiting()));
        waiting.is_some_and(|waiting| (waiting.asking == letter.asking) == is_current)
    };
    (0..sim.cast.letters.len()).filter(|nth| is_wanted(&sim.cast.letters[*nth])).collect()
}

/// Everybody uses the links to tasks that are still open, and once more those to what the intent asked earlier, which answer
/// nothing. Returns how many there were.
pub fn answer_all(sim: &mut Sim) -> Result<usize, String> {
    let letters = &sim.cast.letters;
    let late: Vec<usize> = links_to(sim, false).into_iter().filter(|nth| !letters[*nth].is_tried_late).collect();
    let open: Vec<usize> = links_to(sim, true).into_iter().filter(|nth| letters[*nth].mark.is_none()).collect();
    for nth in &late {
        sim.cast.letters[*nth].is_tried_late = true;
        say(sim, *nth, "approved")?;
    }
    for nth in &open {
        say(sim, *nth, "approved")?;
    }
    Ok(late.len() + open.len())
}

/// A person without a mail answers by a link that was made for a form.
pub fn answer_by_form(sim: &mut Sim, id: IntentId, person: &str) -> Checked {
    if ask_for_link(sim, id, person)?.status == 200 {
        say(sim, sim.cast.letters.len() - 1, "approved")?;
    }
    Ok(())
}
