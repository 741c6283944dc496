//! What callers may do, how often and how much: quotas, rates, limits of agents, senders, and who may decide.

pub mod agent_limits;
pub mod guards;
pub mod quota;
pub mod rate_limit;
pub mod senders;
pub mod tier;
