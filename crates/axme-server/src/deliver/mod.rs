//! All outgoing connections: nothing else opens a socket to the outside. Calls to addresses that a caller names pass
//! the guard; only hosts from the settings (mail server, OpenID Connect provider) do not.

pub(crate) mod digest_mail;
pub mod guard;
mod http;
pub mod mail_templates;
pub mod mailer;
pub(crate) mod otlp;
pub mod outbound;
pub(crate) mod traced;

use axme_core::claims::Offer;
use axme_core::state::AppState;
use axme_core::system::PostError;
use axme_intent::DeliveryBinding;
use axme_store::service_accounts::ServiceAccount;

/// Pushes an intent to an agent, once. `Ok` acknowledges it, with the status of the answer.
pub async fn push(app: &AppState, account: &ServiceAccount, offer: &Offer) -> Result<u16, PostError> {
    match account.delivery_mode {
        DeliveryBinding::Http => http::push(app, account, offer).await,
        DeliveryBinding::Stream | DeliveryBinding::Poll | DeliveryBinding::Inbox | DeliveryBinding::Internal => {
            Err(PostError::Failed(format!("delivery_mode {} has no pushes", account.delivery_mode.as_str())))
        }
    }
}
