//! The flags that limit a new key, for the commands that create keys.

use axme_client::api::service_accounts::{CreateKey, KeyScope};
use clap::Args;

/// The limits of a new key beside the role of its account.
#[derive(Debug, Args)]
pub(crate) struct KeyBounds {
    /// Calls that the key is valid for: full, read (change nothing) or submit (submit intents and follow them)
    #[arg(long, value_name = "SCOPE", default_value = "full", value_parser = scope)]
    scope: KeyScope,
    /// Only address that the key works with; repeat it for more [default: all]
    #[arg(long = "address", value_name = "ADDRESS")]
    addresses: Vec<String>,
}

impl KeyBounds {
    pub(crate) fn apply(self, input: CreateKey) -> CreateKey {
        let addresses = Some(self.addresses).filter(|addresses| !addresses.is_empty());
        CreateKey { scope: Some(self.scope).filter(|scope| *scope != KeyScope::Full), addresses, ..input }
    }
}

fn scope(text: &str) -> Result<KeyScope, String> {
    KeyScope::parse(text).ok_or_else(|| format!("unknown scope \"{text}\"; use one of {}", KeyScope::WORDS.join(", ")))
}
