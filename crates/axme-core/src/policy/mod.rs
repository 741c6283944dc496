//! Policy: admission of new intents, payload schemas, quotas, rate limits, limits of agents, policies about senders, and
//! who may answer a task. The rules of a workspace or an organization come from a [`snapshot`] of one version.

pub mod admission;
pub mod agent_limits;
pub mod agent_rules;
pub mod askees;
pub mod asking;
pub mod body_budget;
pub mod fair_gate;
pub mod guards;
pub mod key_scope;
pub mod keyed_semaphores;
pub mod payload_schemas;
pub mod places;
pub mod quota;
pub mod rate_limit;
pub mod receivers;
pub mod snapshot;
pub(crate) mod step_admission;
pub mod tier;
