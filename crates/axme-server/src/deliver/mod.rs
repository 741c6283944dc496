//! The ways out of the building. Nothing else opens a socket outwards; everything here goes through the guard.

pub mod guard;
mod http;
pub mod mail_templates;
pub mod mailer;
pub mod outbound;

use axme_core::claims::Offer;
use axme_core::state::AppState;
use axme_core::system::PostError;
use axme_intent::DeliveryBinding;
use axme_store::service_accounts::ServiceAccount;

/// One attempt to give an intent to an agent that is pushed to. `Ok` acknowledges it.
pub async fn push(app: &AppState, account: &ServiceAccount, offer: &Offer) -> Result<(), PostError> {
    match account.delivery_mode {
        DeliveryBinding::Http => http::push(app, account, offer).await,
        DeliveryBinding::Stream | DeliveryBinding::Poll | DeliveryBinding::Inbox | DeliveryBinding::Internal => {
            Err(PostError::Failed(format!("nothing is pushed in delivery_mode {}", account.delivery_mode.as_str())))
        }
    }
}
