//! The operations, in process, on both engines.

mod harness;
mod intents;
