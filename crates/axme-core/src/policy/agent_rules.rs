//! The rules of one agent: the kill switch, the limits on its usage, and the intent types that it may send and receive.
//! They are stored as JSON.

use axme_api::mesh::{ActionPolicy, CostPolicy};
use axme_store::StoreError;
use axme_store::mesh::Rules;

/// The rules of an agent.
#[derive(Debug, Clone, Default)]
pub struct AgentRules {
    pub is_killed: bool,
    pub cost: Option<CostPolicy>,
    pub action: ActionPolicy,
}

impl AgentRules {
    pub fn read(rules: &Rules) -> Result<AgentRules, StoreError> {
        fn parse<T: serde::de::DeserializeOwned>(text: Option<&String>) -> Result<Option<T>, StoreError> {
            let parsed = text.map(|text| serde_json::from_str(text)).transpose();
            parsed.map_err(|error| StoreError::Fault(format!("rules of an agent: {error}")))
        }
        let (cost, action) = (parse(rules.cost.as_ref())?, parse(rules.action.as_ref())?.unwrap_or_default());
        Ok(AgentRules { is_killed: rules.is_killed, cost, action })
    }

    pub(crate) fn to_row(&self) -> Result<Rules, StoreError> {
        let fault = |error: serde_json::Error| StoreError::Fault(error.to_string());
        let cost = self.cost.as_ref().map(serde_json::to_string).transpose().map_err(fault)?;
        let is_open = self.action == ActionPolicy::default();
        let action = (!is_open).then(|| serde_json::to_string(&self.action)).transpose().map_err(fault)?;
        Ok(Rules { is_killed: self.is_killed, cost, action })
    }
}
