//! Shards: they decide which writer runs a job. A shard follows from the intent, the address or the workspace that the
//! job writes.

use axme_intent::{Address, IntentId};
use uuid::Uuid;

/// The part of the data that a job writes. Jobs of one shard run one after another on a node, so a family of intents
/// does not wait for its own locks there. On SQLite all shards share one writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard(u16);

impl Shard {
    /// The shard of management writes, which do not belong to a family of intents.
    pub const CONTROL: Shard = Shard(0);

    /// The shard of an intent and its whole family. The ids of a family have the same last 16 bits.
    pub fn of_intent(id: IntentId) -> Shard {
        Shard(id.shard())
    }

    /// The shard of work for one address, such as claims from its queue.
    pub fn of_address(address: &Address) -> Shard {
        Shard(fold(address.as_str().as_bytes()))
    }

    /// The shard of background work for one workspace.
    pub fn of_workspace(workspace: Uuid) -> Shard {
        Shard(fold(workspace.as_bytes()))
    }

    /// The number that logs show.
    pub(crate) fn number(self) -> u16 {
        self.0
    }

    /// The index of the shard's writer among `count` writers.
    pub(crate) fn writer(self, count: usize) -> usize {
        usize::from(self.0) % count
    }
}

fn fold(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| sum.wrapping_mul(31).wrapping_add(u16::from(*byte)))
}
