//! Who calls, from where, and in which role: keys, tokens, sign-ins, memberships and placement.

mod caller;
pub mod key_uses;
mod keys;
pub mod membership;
pub mod oidc;
pub mod passwords;
pub mod placement;
pub(crate) mod refusals;
pub mod sign_in;
pub mod tokens;

pub use caller::{Bearer, Caller, Role};
pub(crate) use keys::check_person;
pub use keys::{FreshKey, Keys, fresh_key, hash};
