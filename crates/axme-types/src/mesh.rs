//! Words about the agents of the mesh.

use crate::text_enum;

text_enum! {
    /// The health of an agent, from the age of its last heartbeat and its kill switch.
    pub enum AgentHealth {
        /// The last heartbeat is less than 90 seconds old.
        Healthy = "healthy",
        /// The last heartbeat is less than 300 seconds old.
        Degraded = "degraded",
        /// The last heartbeat is older.
        Unreachable = "unreachable",
        /// The kill switch has stopped the agent.
        Killed = "killed",
        /// The agent has never sent a heartbeat.
        Unknown = "unknown",
    }
}

text_enum! {
    /// The type of an event in the mesh.
    pub enum MeshEventType {
        /// An admin stopped the agent.
        Killed = "agent.killed",
        /// An admin let the agent continue.
        Resumed = "agent.resumed",
        /// The agent became healthy.
        Healthy = "agent.healthy",
        /// The agent became degraded.
        Degraded = "agent.degraded",
        /// The agent became unreachable.
        Unreachable = "agent.unreachable",
        /// An admin changed the cost policy or the action policy of the agent.
        PolicyChanged = "agent.policy_changed",
    }
}
