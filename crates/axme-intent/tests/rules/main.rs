//! The promises of the rules, tested in eight ways:
//!
//! - `traces`: stories, one per file in `tests/traces`, each a list of commands with their results;
//! - `properties`: random commands on random intents, with invariants after each;
//! - `scenarios`: bundles in `tests/scenarios`, with their errors, warnings and plans;
//! - `told`: in each story, what people are told, written to `tests/told.txt`;
//! - `limits`: what is too long for a trace;
//! - `macros`: workflows by name, and the steps they expand to;
//! - `table`: every command in every situation, written to `docs/lifecycle.md`;
//! - `picture`: the same as a picture, `docs/pictures/lifecycle.svg`.
//!
//! `UPDATE=1 cargo test -p axme-intent` rewrites the expected files; read the difference before committing it.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test by panicking, as the tests do")]

mod golden;
mod history;
mod limits;
mod macros;
mod picture;
mod properties;
mod random;
mod scenarios;
mod story;
mod table;
mod task_types;
mod told;
mod traces;
