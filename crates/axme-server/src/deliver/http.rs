//! The `http` binding: posts an intent to the agent's callback, signed. Any 2xx status acknowledges it.

use axme_core::claims::Offer;
use axme_core::signature;
use axme_core::state::AppState;
use axme_core::system::{Post, PostError};
use axme_store::service_accounts::ServiceAccount;

use super::traced;
use crate::http::envelope;

pub(super) async fn push(app: &AppState, account: &ServiceAccount, offer: &Offer) -> Result<u16, PostError> {
    let id = offer.intent.id.to_string();
    let body = envelope(offer, &id).into_bytes();
    let secret = account.webhook_secret.as_deref().unwrap_or_default();
    let headers = signature::headers(secret, &id, app.system.clock.now(), &body);
    let url = account.callback_url.clone().unwrap_or_default();
    let post = Post { workspace: account.workspace_id, url, headers, body };
    let answer = traced::post(app, offer.intent.trace, ("push", &id), post).await?;
    answer.accepted().map(|()| answer.status)
}
