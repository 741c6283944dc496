//! The operations, in process, on both engines.

mod calls;
mod harness;
mod intents;
mod nodes;
mod scenarios;
mod store;
mod tasks;
