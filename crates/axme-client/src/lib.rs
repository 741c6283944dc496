//! The Rust SDK of AXME.
