//! Signs receipts of decisions, and mails each to the person who decided on a page. The transaction of the decision has
//! written the body, so a crash loses no receipt: it is signed later.

use std::sync::Arc;

use axme_core::error::Result;
use axme_core::state::AppState;
use axme_intent::human::{Via, is_email, person_key};
use axme_intent::receipt::Receipt;
use axme_store::notices::{self, Notice};
use axme_store::receipts::{self as store, StoredReceipt};
use axme_store::{Shard, Signal, Tx};
use serde_json::json;

/// Receipts signed in one round.
const BATCH: i64 = 100;
/// The pause after an error.
const RETRY_SECONDS: u64 = 2;

/// Runs until the server stops.
pub async fn run(app: Arc<AppState>) {
    let waiter = app.wakeups.subscribe(Signal::receipts());
    loop {
        // Listen before looking, so that no signal is missed.
        let listening = waiter.listen();
        match tick(&app).await {
            Ok(0) => {
                listening.or(app.stopped()).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "could not sign receipts");
                let again = app.system.clock.now().plus_seconds(RETRY_SECONDS);
                tokio::select! {
                    () = app.system.clock.sleep_until(again) => {}
                    () = app.stopped() => {}
                }
            }
        }
        if *app.stopping.borrow() {
            return;
        }
    }
}

/// Signs the receipts that are not signed yet. Returns how many.
pub async fn tick(app: &Arc<AppState>) -> Result<usize> {
    let open = app.store.read(|tx: &mut Tx<'_>| store::unsigned(tx, BATCH)).await?;
    for receipt in &open {
        let (rng, now) = (&app.system.rng, app.system.clock.now());
        let signed = app.keys.receipts.sign(&app.store, rng, now, &receipt.body).await?;
        let (receipt, shard) = (receipt.clone(), Shard::of_workspace(receipt.workspace));
        let keep = move |tx: &mut Tx<'_>| -> Result<()> {
            if store::set_signed(tx, receipt.workspace, receipt.id, &signed)? {
                mail(tx, &receipt)?;
            }
            Ok(())
        };
        app.store.write(shard, keep).await?;
    }
    Ok(open.len())
}

/// Queues the mail with a receipt, for a person who has decided on a page. Callers of the API have the answer already.
fn mail(tx: &mut Tx<'_>, receipt: &StoredReceipt) -> Result<()> {
    let Ok(body) = serde_json::from_str::<Receipt>(&receipt.body) else { return Ok(()) };
    let is_on_page = [Via::Email, Via::Form, Via::Inbox].iter().any(|via| via.as_str() == body.decided_via);
    let person = person_key(&body.decided_by);
    if !is_on_page || !is_email(&person) {
        return Ok(());
    }
    let notice = Notice {
        workspace: receipt.workspace,
        id: tx.rng.uuid_at(tx.now),
        intent: Some(receipt.intent),
        queue: "mail".to_owned(),
        channel: "email".to_owned(),
        recipient: person,
        content: json!({ "receipt": receipt.id }),
        created_at: tx.now,
    };
    notices::insert(tx, &notice)?;
    tx.signal(Signal::notices());
    Ok(())
}
