//! What callers may do, how often and how much: admission of new intents, quotas, rates, limits of agents, senders, and who
//! may decide.

pub mod admission;
pub mod agent_limits;
pub mod agent_rules;
pub mod guards;
pub mod quota;
pub mod rate_limit;
pub mod snapshot;
pub mod tier;
