//! The operations, in process, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agents;
mod calls;
mod harness;
mod intents;
mod nodes;
mod scenarios;
mod store;
mod streams;
mod tasks;
