//! Subscriptions to events.

use axme_api::webhooks::{self as api, ListSubscriptions, SubscriptionView};
use axme_core::error::Result;
use axme_intent::Time;

use super::frame::{Section, short};
use super::same::Same;
use super::table::{Cell, Table, TablePage, draw};
use super::visit::{Answer, Guest};

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
            about: "A receiver that answers with status 410 pauses its subscription.".to_owned(),
            columns: vec!["State", "Callback", "Events", "Owner", "Purpose", "Secret", "Changed"],
            rows: list.subscriptions.iter().map(|subscription| row(subscription, now)).collect(),
            empty: "Nobody has subscribed to events of this workspace.",
        }],
        next: String::new(),
        links: vec![("Dead letters", "/app/deliveries?status=dead_lettered".to_owned())],
        same: Same::of(&guest.app.site.base_url, &api::LIST, &input),
    };
    draw(&guest, page)
}

fn row(subscription: &SubscriptionView, now: Time) -> Vec<Cell> {
    let state = match (subscription.revoked_at, subscription.active) {
        (Some(_), _) => Cell::badge("ended", "plain"),
        (None, true) => Cell::badge("active", "good"),
        (None, false) => Cell::badge("paused", "waits"),
    };
    vec![
        state,
        Cell::Code(subscription.callback_url.clone()),
        Cell::text(subscription.event_types.join(", ")),
        Cell::text(short(&subscription.owner_agent)),
        Cell::text(subscription.description.clone().unwrap_or_default()),
        Cell::text(subscription.secret_hint.clone().unwrap_or_default()),
        Cell::time(now, Some(subscription.updated_at.into())),
    ]
}
