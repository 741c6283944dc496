//! Which writer a job goes to.

use axme_intent::{Address, IntentId};
use uuid::Uuid;

/// The part of the data that a write touches. Jobs of one shard run one after another, so a family of intents never waits
/// for its own locks. On SQLite all shards share one writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard(u16);

impl Shard {
    /// Management writes, which belong to no family of intents.
    pub const CONTROL: Shard = Shard(0);

    /// The shard of an intent and of all its relatives, who share the last 16 bits of their ids.
    pub fn of_intent(id: IntentId) -> Shard {
        Shard(id.shard())
    }

    /// The shard of what is done for one address, such as claiming from its queue.
    pub fn of_address(address: &Address) -> Shard {
        Shard(fold(address.as_str().as_bytes()))
    }

    /// The shard of background work for one workspace.
    pub fn of_workspace(workspace: Uuid) -> Shard {
        Shard(fold(workspace.as_bytes()))
    }

    /// As logs show it.
    pub(crate) fn number(self) -> u16 {
        self.0
    }

    /// The writer among `count` that serves the shard.
    pub(crate) fn writer(self, count: usize) -> usize {
        usize::from(self.0) % count
    }
}

fn fold(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| sum.wrapping_mul(31).wrapping_add(u16::from(*byte)))
}
