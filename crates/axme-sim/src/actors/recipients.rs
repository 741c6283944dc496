//! Recipients of mail. They answer through task links: at once, late, twice, with another answer, or after the task was
//! reassigned. Scanners open every link and must change nothing.

use axme_intent::{HumanTask, IntentId};
use axme_server::workers;
use axme_store::simulated::forget_askings;
use serde_json::{Value, json};

use super::bundles::{GROUP, PEOPLE};
use super::{call_as_second_admin, groups, send_copies};
use crate::cluster::{Request, Response};
use crate::invariants::tasks::{allows, groups_of};
use crate::invariants::{ensure, is_unchanged};
use crate::task_link::TaskLink;
use crate::{CheckResult, Mutation, Simulation};

/// The newest links, which are the most likely to be answered next.
const RECENT: usize = 5;

/// Runs one round of the notice worker on a random node, then hands the mail to its recipients.
pub(crate) fn run_notice_worker(sim: &mut Simulation) -> CheckResult {
    let app = sim.cluster.app();
    let sent = sim.cluster.drive(async move { workers::notices::tick(&app).await.map_err(|error| error.to_string()) });
    sim.note(&format!("notices: {sent:?}"));
    super::receivers::collect_posts(sim)?;
    let mails = sim.cluster.outbound.take_mails();
    if mails.is_empty() {
        return Ok(());
    }
    let notices = sim.cluster.snapshot().notices;
    for mail in mails {
        sim.note(&format!("{} gets \"{}\"", mail.to, mail.subject));
        let notice = notices.iter().find(|notice| notice.id.to_string() == mail.id);
        let Some(notice) = notice else { return Err(format!("mail {} belongs to no notice", mail.id)) };
        ensure!(notice.recipient == mail.to, "{} received the mail of {}", mail.to, notice.recipient);
        sim.checker.delivered_notices.insert(notice.id);
        ensure!(
            mail.link.is_some() == notice.asking.is_some(),
            "mail {}: the link {:?} does not fit its notice",
            mail.id,
            mail.link
        );
        if let (Some(page), Some(asking), Some(intent)) = (mail.link, notice.asking, notice.intent_id) {
            let token = page.split_once("?token=").map(|(_, token)| token.to_owned()).unwrap_or_default();
            add_link(sim, intent, mail.to, "email", asking, (page, token));
        }
    }
    Ok(())
}

fn add_link(
    sim: &mut Simulation,
    intent: IntentId,
    person: String,
    via: &'static str,
    asking: u32,
    link: (String, String),
) {
    let transfers = sim.checker.intents.get(&intent).map_or(0, |observed| observed.transfers(observed.events.len()));
    let (page, token) = link;
    sim.actors.task_links.push(TaskLink {
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

/// Answers through a link: most often a recent one, and often one to an earlier asking.
pub(crate) fn answer(sim: &mut Simulation) -> CheckResult {
    let count = sim.actors.task_links.len();
    if count == 0 {
        return Ok(());
    }
    let (recent, late) = (count.min(RECENT), links_to(sim, false));
    let nth = match sim.cluster.below(10) {
        0..5 => count - recent + sim.cluster.below(recent),
        5..8 if !late.is_empty() => late[sim.cluster.below(late.len())],
        _ => sim.cluster.below(count),
    };
    let outcome = match sim.cluster.below(10) {
        0 => "perhaps",
        1..4 => "rejected",
        _ => "approved",
    };
    answer_by_link(sim, nth, outcome)
}

fn answer_by_link(sim: &mut Simulation, nth: usize, outcome: &str) -> CheckResult {
    if sim.mutation == Some(Mutation::LinksForAnything) {
        sim.cluster.write_directly(|tx| Ok(forget_askings(tx)?));
    }
    let undo = groups::break_rules(sim);
    let mark = match &sim.actors.task_links[nth].mark {
        Some(mark) => mark.clone(),
        None => sim.promises.new_mark(),
    };
    sim.actors.task_links[nth].mark = Some(mark.clone());
    let link = sim.actors.task_links[nth].clone();
    let request = |outcome: &str| {
        let body = json!({ "token": link.token, "task_result": { "outcome": outcome, "comment": mark } });
        Request::new("", "POST", "/v1/tasks/action", body)
    };
    let copies = if sim.cluster.chance(20) { 2 } else { 1 };
    let responses = send_copies(sim, &request(outcome), copies, |_| false)?;
    for response in &responses {
        sim.promises.record_link_answer(&mark, &link, response);
    }
    if sim.cluster.chance(20) || (responses[0].is_unknown() && sim.cluster.chance(60)) {
        let outcome = if sim.cluster.chance(70) { outcome } else { "rejected" };
        let response = sim.send_one(&request(outcome))?;
        sim.promises.record_link_answer(&mark, &link, &response);
    }
    groups::mend_rules(sim, undo);
    Ok(())
}

/// Sends something other than an answer through a link that `is_wanted`. A withdrawal lets the link answer again.
pub(super) fn act_by_link(sim: &mut Simulation, mut body: Value, is_wanted: impl Fn(&TaskLink) -> bool) -> CheckResult {
    let links: Vec<usize> =
        (0..sim.actors.task_links.len()).filter(|nth| is_wanted(&sim.actors.task_links[*nth])).collect();
    let recent = links.len().saturating_sub(RECENT);
    let Some(nth) = sim.cluster.pick(&links[recent..]) else { return Ok(()) };
    body["token"] = json!(sim.actors.task_links[nth].token);
    let is_withdrawal = body.get("withdraw").is_some();
    let copies = if sim.cluster.chance(20) { 2 } else { 1 };
    let responses = send_copies(sim, &Request::new("", "POST", "/v1/tasks/action", body), copies, |_| false)?;
    if is_withdrawal && responses.iter().any(Response::is_unknown) {
        // Nobody knows whether the link can answer again.
        sim.actors.task_links.remove(nth);
    } else if is_withdrawal && responses.iter().any(|response| response.status == 200) {
        sim.actors.task_links[nth].mark = None;
    }
    Ok(())
}

/// Opens recent links as a mail scanner does. Nothing may change, and no response may be an error of the server.
pub(crate) fn open_links(sim: &mut Simulation) -> CheckResult {
    let recent = sim.actors.task_links.len().saturating_sub(RECENT);
    let pages: Vec<String> = sim.actors.task_links[recent..].iter().map(|link| link.page.clone()).collect();
    let before = sim.cluster.snapshot();
    for path in pages {
        let response = sim.call("", "GET", &path, Value::Null)?;
        ensure!(matches!(response.status, 200 | 404 | 410), "{path} returned {}", response.status);
    }
    ensure!(is_unchanged(&before, &sim.cluster.snapshot()), "opening a link changed the store");
    Ok(())
}

/// Requests a link for a person, as a site that embeds the form does. The server refuses it without an open task.
pub(crate) fn request_link(sim: &mut Simulation, id: IntentId, person: &str) -> Result<Response, String> {
    let response = call_as_second_admin(sim, "POST", &format!("/v1/tasks/{id}/links"), json!({ "person": person }))?;
    let waiting = sim
        .checker
        .intents
        .get(&id)
        .and_then(|observed| observed.head.intent.open_task().and(observed.head.intent.waiting()));
    let asking = waiting.map(|waiting| waiting.asking);
    if response.status == 200 {
        let Some(asking) = asking else { return Err(format!("{id}: got a link without an open task")) };
        let text = |field: &str| response.body[field].as_str().unwrap_or_default().to_owned();
        add_link(sim, id, person.to_owned(), "form", asking, (text("url"), text("token")));
    }
    Ok(response)
}

/// Returns the links of live intents with an open task: those to the current asking, or those to earlier ones.
fn links_to(sim: &Simulation, is_current: bool) -> Vec<usize> {
    let is_match = |link: &TaskLink| {
        let head = sim.checker.intents.get(&link.intent).map(|observed| &observed.head.intent);
        let waiting = head.and_then(|head| head.open_task().and(head.waiting()));
        waiting.is_some_and(|waiting| (waiting.asking == link.asking) == is_current)
    };
    (0..sim.actors.task_links.len()).filter(|nth| is_match(&sim.actors.task_links[*nth])).collect()
}

/// Answers through every link to an open task, and once through every link to an earlier asking, which must have no
/// effect. Returns the number of answers.
pub(crate) fn answer_all_links(sim: &mut Simulation) -> Result<usize, String> {
    let links = &sim.actors.task_links;
    let late: Vec<usize> = links_to(sim, false).into_iter().filter(|nth| !links[*nth].is_tried_late).collect();
    let open: Vec<usize> = links_to(sim, true).into_iter().filter(|nth| links[*nth].mark.is_none()).collect();
    for nth in &late {
        sim.actors.task_links[*nth].is_tried_late = true;
        answer_by_link(sim, *nth, "approved")?;
    }
    for nth in &open {
        answer_by_link(sim, *nth, "approved")?;
    }
    Ok(late.len() + open.len())
}

/// Approves a guarded task as a person who may not. The person is neither a member of the group nor asked by name, or the
/// rule excludes the person.
pub(crate) fn answer_without_right(sim: &mut Simulation) -> CheckResult {
    let asking = sim.cluster.snapshot().asking;
    let mut excluded: Vec<(IntentId, &str)> = Vec::new();
    let (mut of_group, mut others) = (Vec::new(), Vec::new());
    for id in sim.checker.open_tasks() {
        let Some(head) = sim.checker.intents.get(&id).map(|observed| &observed.head.intent) else { continue };
        if !head.open_task().is_some_and(HumanTask::is_guarded) {
            continue;
        }
        for person in PEOPLE {
            let is_asked = head.asks(person, &groups_of(&asking, person));
            match (is_asked, allows(&asking, person)) {
                (true, true) => {}
                (true, false) => excluded.push((id, person)),
                (false, _) if head.asked().contains(&GROUP) => of_group.push((id, person)),
                (false, _) => others.push((id, person)),
            }
        }
    }
    // Few people are asked before a rule excludes them, and few tasks ask the group.
    let first = if sim.cluster.chance(70) { [&excluded, &of_group] } else { [&of_group, &excluded] };
    let picked = first.into_iter().chain([&others]).find_map(|some| sim.cluster.pick(some));
    let Some((id, person)) = picked else { return Ok(()) };
    let hidden = groups::break_rules(sim);
    let answered = answer_by_form(sim, id, person);
    groups::mend_rules(sim, hidden);
    answered
}

/// Approves a task through a new link for a form.
pub(crate) fn answer_by_form(sim: &mut Simulation, id: IntentId, person: &str) -> CheckResult {
    if request_link(sim, id, person)?.status == 200 {
        answer_by_link(sim, sim.actors.task_links.len() - 1, "approved")?;
    }
    Ok(())
}
