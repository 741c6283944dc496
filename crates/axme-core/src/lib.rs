//! The server's work for a call: the pipeline, authentication, policy, the engine, and the operations.
//!
//! This crate has no sockets and no web framework. Edges pass in a [`request::Request`] and get an encoded reply.
//! Requests to other servers go through [`system::Outbound`]. `ARCHITECTURE.md` has the map.

pub mod audit_chain;
pub mod audit_proof;
pub mod auth;
pub mod call;
pub mod claims;
pub mod consumers;
pub mod context;
pub mod draft;
pub mod engine;
pub mod error;
pub mod input;
pub mod metrics;
pub mod ops;
pub mod policy;
pub mod request;
mod seal;
pub mod signature;
pub mod state;
pub mod system;
pub mod traceparent;
pub mod traces;
pub mod views;
pub mod web_push;
