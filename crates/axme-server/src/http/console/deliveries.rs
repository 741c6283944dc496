//! Deliveries and dead letters: their status, the last error, and replay.

use axme_api::deliveries::{self as api, DeliveryFilter, DeliveryStatus, DeliveryView, ListDeliveries};
use axme_api::{ApiError, Id};
use axme_core::error::Result;
use axme_intent::Time;

use super::act;
use super::filter::query;
use super::frame::{Section, short};
use super::same::Same;
use super::table::{Cell, Field, Table, TablePage, draw};
use super::visit::{Answer, Guest};
use crate::http::form::FormFields;

const PAGE: u64 = 100;

pub(super) async fn page(guest: Guest) -> Result<Answer> {
    let now = guest.app.system.clock.now();
    let (status, before, intent) = (guest.asked("status"), guest.asked("before"), guest.asked("intent_id"));
    let wrong = || ApiError::invalid("status: choose submitted, pending, delivered or dead_lettered");
    let filter = Some(status.as_str()).filter(|word| !word.is_empty());
    let input = ListDeliveries {
        status: filter.map(|word| DeliveryFilter::parse(word).ok_or_else(wrong)).transpose()?,
        intent_id: Some(intent.clone()).filter(|id| !id.is_empty()).map(Id::from),
        before: Some(before).filter(|id| !id.is_empty()).map(Id::from),
        limit: PAGE.into(),
        ..ListDeliveries::default()
    };
    let list = guest.call(&api::LIST, &input).await?;
    let rows = list.deliveries.iter().map(|delivery| row(delivery, now)).collect();
    let next = list.next_before.map(|id| query([("status", status.as_str()), ("before", &id)].into_iter()));
    let page = TablePage {
        section: Section::Deliveries,
        title: "Deliveries".to_owned(),
        path: "/app/deliveries",
        fields: vec![
            Field {
                label: "Status",
                name: "status",
                value: status,
                choices: vec![
                    ("", "Any status"),
                    ("dead_lettered", "Dead letters"),
                    ("pending", "Tried again later"),
                    ("submitted", "Not tried yet"),
                    ("delivered", "Delivered"),
                ],
            },
            Field { label: "Intent", name: "intent_id", value: intent, choices: Vec::new() },
        ],
        tables: vec![Table {
            title: "",
            about: "Replaying sends a dead letter again. The intent of a dead letter keeps its status.".to_owned(),
            columns: vec!["Status", "Way", "To", "About", "Last error", "When", "Action"],
            rows,
            empty: "Nothing matches. Deliveries to agents that go well are not listed here.",
        }],
        next: next.unwrap_or_default(),
        links: Vec::new(),
        same: Same::of(&guest.app.site.base_url, &api::LIST, &input),
    };
    draw(&guest, page)
}

fn row(delivery: &DeliveryView, now: Time) -> Vec<Cell> {
    let status = match delivery.status {
        DeliveryStatus::Submitted => Cell::badge("not tried yet", "runs"),
        DeliveryStatus::Pending => Cell::badge("tried again later", "waits"),
        DeliveryStatus::Delivered => Cell::badge("delivered", "good"),
        DeliveryStatus::DeadLettered => Cell::badge("dead letter", "bad"),
    };
    let to = delivery.recipient.as_ref().or(delivery.to_agent.as_ref()).or(delivery.alias.as_ref());
    let is_dead = delivery.status == DeliveryStatus::DeadLettered;
    let replay = Cell::Button("Replay", "/app/deliveries", vec![("delivery", delivery.delivery_id.to_string())]);
    vec![
        status,
        Cell::text(delivery.transport_type.to_string()),
        Cell::text(to.map(|to| short(to)).unwrap_or_default()),
        match &delivery.intent_id {
            Some(id) => Cell::Link(id.to_string(), format!("/app/intents/{id}")),
            None => Cell::Code(delivery.delivery_id.to_string()),
        },
        Cell::text(delivery.error_detail.clone().unwrap_or_default()),
        Cell::time(now, Some(delivery.updated_at.into())),
        if is_dead || delivery.route_id.is_some() { replay } else { Cell::Empty },
    ]
}

/// Sends the delivery of a form again.
pub(super) async fn replay(guest: Guest, filled: FormFields) -> Result<Answer> {
    act::replay(&guest, filled.get("delivery"), None).await?;
    Ok(Answer::Lead("/deliveries?said=replayed".to_owned()))
}
