//! What the rules of an intent promise, shown five ways:
//!
//! - `traces`: stories, one per file in `tests/traces`, each a list of commands with what came of them;
//! - `properties`: random commands on random intents, and what must hold after each;
//! - `scenarios`: bundles in `tests/scenarios` with what is said about them and the plan they become;
//! - `macros`: workflows by name, and the steps they stand for;
//! - `table`: every command in every situation, printed into `docs/lifecycle.md`.
//!
//! `UPDATE=1 cargo test -p axme-intent` rewrites the expected files; read the difference before committing it.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test by panicking, as the tests do")]

mod golden;
mod history;
mod macros;
mod properties;
mod random;
mod scenarios;
mod story;
mod table;
mod task_types;
mod traces;
