//! Subscriptions to events, with forms that make, change and end them.

use axme_api::intents::EventType;
use axme_api::webhooks::{self as api, ListSubscriptions, SubscriptionView};
use axme_core::error::Result;
use axme_intent::{Address, Time};

use super::form::{Form, FormField};
use super::frame::{Section, short};
use super::same::Same;
use super::table::{Cell, Table, TablePage, draw_with};
use super::visit::{Answer, ConsoleCall, Guest};

/// The families of events, each with what it means.
const FAMILIES: [(&str, &str); 3] =
    [("*", "every event"), ("intent.*", "every event of intents"), ("inbox.*", "every event of inboxes")];

pub(super) async fn page(guest: Guest) -> Result<Answer> {
    let now = guest.app.system.clock.now();
    let input = ListSubscriptions { owner_agent: None, include_inactive: Some(true) };
    let list = guest.call(&api::LIST, &input).await?;
    let page = TablePage {
        section: Section::Webhooks,
        title: "Webhooks".to_owned(),
        path: "/app/webhooks",
        fields: Vec::new(),
        tables: vec![Table {
            title: "",
            about: "A receiver that answers with status 410 pauses its subscription. Only its maker changes a subscription to \
                    everybody's events; each admin can end it."
                .to_owned(),
            columns: vec!["State", "Callback", "Events", "Owner", "Purpose", "Secret", "Changed", "Action"],
            rows: list.subscriptions.iter().map(|subscription| row(&guest, subscription, now)).collect(),
            empty: "Nobody has subscribed to events of this workspace.",
        }],
        next: String::new(),
        links: vec![("Dead letters", "/app/deliveries?status=dead_lettered".to_owned())],
        same: Same::of(&guest.app.site.base_url, &api::LIST, &input),
    };
    draw_with(&guest, page, vec![subscribe(&guest)], "")
}

fn row(guest: &ConsoleCall, subscription: &SubscriptionView, now: Time) -> Vec<Cell> {
    let state = match (subscription.revoked_at, subscription.active) {
        (Some(_), _) => Cell::badge("ended", "plain"),
        (None, true) => Cell::badge("active", "good"),
        (None, false) => Cell::badge("paused", "waits"),
    };
    let owner = short(&subscription.owner_agent);
    let owner = if subscription.all_owners { format!("everybody, by {owner}") } else { owner };
    let mut forms = Vec::new();
    if subscription.revoked_at.is_none() {
        // The operation tells subscriptions to the events of all apart by their maker.
        let is_own = is_for_all(guest) && subscription.owner_agent == maker(guest);
        forms.extend((!subscription.all_owners || is_own).then(|| change(subscription)));
        forms.push(end(subscription));
    }
    vec![
        state,
        Cell::Code(subscription.callback_url.clone()),
        Cell::text(subscription.event_types.join(", ")),
        Cell::text(owner),
        Cell::text(subscription.description.clone().unwrap_or_default()),
        Cell::text(subscription.secret_hint.clone().unwrap_or_default()),
        Cell::time(now, Some(subscription.updated_at.into())),
        Cell::Forms(forms),
    ]
}

/// True for a caller whose subscription without an owner gets the events of all.
fn is_for_all(guest: &ConsoleCall) -> bool {
    guest.is_admin() && guest.caller().address.is_none()
}

/// Returns the address under which a subscription of the caller to the events of all is kept.
fn maker(guest: &ConsoleCall) -> String {
    let caller = guest.caller();
    Address::resolve(&format!("user://{}", caller.owner), caller.home()).spelled().to_owned()
}

fn subscribe(guest: &ConsoleCall) -> Form {
    let form = Form::new(api::UPSERT.info.id, "Subscribe to events", "Subscribe")
        .about("The server posts each event to the URL, signed with a secret that is shown once.")
        .field(FormField::text("URL for posts", "callback_url").required());
    let form = match guest.is_admin() {
        true if is_for_all(guest) => {
            form.field(FormField::text("Only events of this address (empty for everybody's)", "owner_agent"))
        }
        true => form.field(FormField::text("Of this address (empty for your own)", "owner_agent")),
        false => form,
    };
    of_types(form, &[]).field(FormField::text("Purpose", "description"))
}

fn change(subscription: &SubscriptionView) -> Form {
    let states = [("true", "active"), ("false", "paused: events of that time are not sent later")];
    let form = Form::new(api::UPSERT.info.id, "Change", "Change").hidden("callback_url", &*subscription.callback_url);
    let form = match subscription.all_owners {
        true => form,
        false => form.hidden("owner_agent", &*subscription.owner_agent),
    };
    of_types(form, &subscription.event_types)
        .field(FormField::choice("State", "active:flag", &states, if subscription.active { "true" } else { "false" }))
        .field(FormField::text("Purpose", "description").with(subscription.description.clone().unwrap_or_default()))
}

fn end(subscription: &SubscriptionView) -> Form {
    Form::new(api::DELETE.info.id, "End", "End…")
        .hidden("subscription_id", subscription.subscription_id.to_string())
        .hidden("what", format!("The subscription of {}", subscription.callback_url))
}

/// Adds the choice of event types. A type that is none of the platform's is in a field of its own.
fn of_types(form: Form, chosen: &[String]) -> Form {
    let is_chosen = |word: &str| chosen.iter().any(|known| known == word);
    let families = FAMILIES.iter().map(|(word, name)| (*word, format!("{name} ({word})")));
    let types = EventType::ALL.iter().map(|event_type| (event_type.as_str(), event_type.as_str().to_owned()));
    let known: Vec<(&str, String)> = families.chain(types).collect();
    let others = chosen.iter().filter(|one| !known.iter().any(|(word, _)| word == one));
    let others = others.map(String::as_str).collect::<Vec<&str>>().join(" ");
    let boxes = known.into_iter().map(|(word, name)| (word.to_owned(), name, is_chosen(word))).collect();
    form.field(FormField::several("Events", "event_types:list", boxes))
        .field(FormField::text("Other events, such as order.* (blanks between)", "event_types:list").with(others))
}
