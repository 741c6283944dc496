//! How intents reach an agent: the delivery settings that calls give, and their checks.

use axme_api::ApiError;
use axme_api::service_accounts::AcknowledgedSeconds;
use axme_intent::DeliveryBinding;
use axme_store::service_accounts::ServiceAccount;

use crate::call::PrepareContext;
use crate::error::Result;
use crate::input::check_chars;
use crate::signature;

/// The URL that intents are pushed to, and the secret that signs them.
pub struct Callback {
    pub(super) url: String,
    pub(super) secret: String,
}

/// How the nameless readers of an agent share its work; absent settings stay.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sharing {
    pub acknowledged_seconds: Option<AcknowledgedSeconds>,
    pub replay_claimed: Option<bool>,
}

impl Sharing {
    pub(super) fn seconds(self) -> Option<u32> {
        self.acknowledged_seconds.map(|seconds| u32::try_from(seconds.get()).unwrap_or(u32::MAX))
    }
}

/// The wanted delivery settings of an account; absent ones stay.
pub struct DeliveryChange {
    pub(super) mode: Option<DeliveryBinding>,
    callback_url: Option<String>,
    secret: Option<String>,
    /// The secret for an account that has none and gets none.
    fresh_secret: String,
    pub(super) sharing: Sharing,
}

impl DeliveryChange {
    pub(super) fn check(
        context: &PrepareContext<'_>,
        mode: Option<DeliveryBinding>,
        callback_url: Option<String>,
        secret: Option<String>,
        sharing: Sharing,
    ) -> Result<DeliveryChange> {
        let callback_url = callback_url.map(|url| check_callback(context, &url)).transpose()?;
        check_secret("webhook_secret", secret.as_deref())?;
        let fresh_secret = signature::fresh_secret(context.rng);
        let change = DeliveryChange { mode, callback_url, secret, fresh_secret, sharing };
        match mode {
            Some(mode) if !mode.is_pushed() => change.check_not_pushed(mode)?,
            // Only the account says whether it has a callback already.
            _ => {}
        }
        Ok(change)
    }

    /// Returns the form of a secret of the caller's own under which the libraries of Standard Webhooks verify.
    pub(super) fn standard_secret(&self) -> Option<String> {
        self.secret.as_deref().map(signature::standard_secret)
    }

    fn check_not_pushed(&self, mode: DeliveryBinding) -> Result<()> {
        let given = [("callback_url", &self.callback_url), ("webhook_secret", &self.secret)];
        match given.into_iter().find(|(_, value)| value.is_some()) {
            None => Ok(()),
            Some((field, _)) => {
                let message = format!("{field}: not allowed with delivery_mode \"{mode}\"; set delivery_mode to http");
                Err(ApiError::invalid(message).into())
            }
        }
    }

    /// Returns the callback of a new account, and its secret if the server made it.
    pub(super) fn of_new_account(&self) -> Result<(Option<Callback>, Option<String>)> {
        let mode = self.mode.unwrap_or(DeliveryBinding::Stream);
        if !mode.is_pushed() {
            self.check_not_pushed(mode)?;
            return Ok((None, None));
        }
        let required = || ApiError::invalid("callback_url: required for delivery_mode \"http\"");
        let url = self.callback_url.clone().ok_or_else(required)?;
        let secret = self.secret.clone().unwrap_or_else(|| self.fresh_secret.clone());
        let made = self.secret.is_none().then(|| secret.clone());
        Ok((Some(Callback { url, secret }), made))
    }

    /// Changes an account. Leaving `http` deletes the callback and its secret. Returns a secret that the server made.
    pub(super) fn apply(&self, account: &mut ServiceAccount) -> Result<Option<String>> {
        account.delivery_mode = self.mode.unwrap_or(account.delivery_mode);
        account.acknowledged_seconds = self.sharing.seconds().or(account.acknowledged_seconds);
        account.replay_claimed = self.sharing.replay_claimed.unwrap_or(account.replay_claimed);
        if !account.delivery_mode.is_pushed() {
            self.check_not_pushed(account.delivery_mode)?;
            (account.callback_url, account.webhook_secret) = (None, None);
            return Ok(None);
        }
        account.callback_url = self.callback_url.clone().or(account.callback_url.take());
        if account.callback_url.is_none() || account.address.is_none() {
            let message = "callback_url: delivery_mode \"http\" requires a callback_url and the account of an agent";
            return Err(ApiError::invalid(message).into());
        }
        account.webhook_secret = self.secret.clone().or(account.webhook_secret.take());
        let made = account.webhook_secret.is_none().then(|| self.fresh_secret.clone());
        account.webhook_secret = account.webhook_secret.take().or_else(|| made.clone());
        Ok(made)
    }
}

/// Builds the callback of a bundle's agent, with a secret that the server makes. `service_accounts.update` can replace
/// it.
pub(crate) fn made_callback(context: &PrepareContext<'_>, url: Option<&str>) -> Option<Callback> {
    let secret = signature::fresh_secret(context.rng);
    url.map(|url| Callback { url: url.to_owned(), secret })
}

pub(in crate::ops) fn check_callback(context: &PrepareContext<'_>, url: &str) -> Result<String> {
    context.outbound.check(url).map_err(|why| ApiError::invalid(format!("callback_url: {why}")))?;
    check_chars("callback_url", Some(url), 8, 2_048)?;
    Ok(url.to_owned())
}

pub(in crate::ops) fn check_secret(field: &str, secret: Option<&str>) -> Result<()> {
    match secret {
        Some(secret) if !(16..=128).contains(&secret.chars().count()) => {
            Err(ApiError::invalid(format!("{field}: 16 to 128 characters")).into())
        }
        _ => Ok(()),
    }
}
