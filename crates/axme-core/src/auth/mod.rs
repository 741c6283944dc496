//! Authentication and placement: the caller, the workspace of a call, and the caller's role there. Keys, tokens,
//! sign-ins and memberships are here; `policy` decides about limits.

pub mod browser;
mod caller;
pub mod grants;
pub mod key_uses;
mod keys;
pub mod membership;
pub mod oauth;
pub mod oidc;
pub mod passwords;
pub mod placement;
pub mod receipt_keys;
pub(crate) mod refusals;
pub mod sign_in;
pub mod tokens;

pub(crate) use caller::role_of_account;
pub use caller::{Bearer, Caller, GATEWAY, Role};
pub(crate) use keys::check_person;
pub use keys::{FreshKey, Keys, fresh_key, hash};
