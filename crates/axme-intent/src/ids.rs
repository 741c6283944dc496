//! Ids of intents.
//!
//! An id is a UUIDv7, so that indexes stay dense in time. Its last 16 bits are the *shard* of its family: random for a
//! root, copied by its children. The id of any member therefore gives the shard of the family.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Time;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IntentId(pub Uuid);

impl IntentId {
    /// Returns the id of a new root intent.
    pub fn root(at: Time, random: [u8; 10]) -> IntentId {
        IntentId(uuid::Builder::from_unix_timestamp_millis(at.millis(), &random).into_uuid())
    }

    /// Returns the lower bound of all ids that are created at or after this moment.
    pub fn first_at(at: Time) -> IntentId {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&at.millis().to_be_bytes()[2..]);
        IntentId(Uuid::from_bytes(bytes))
    }

    /// Returns the id of a new member of the same family, on the same shard.
    pub fn relative(self, at: Time, random: [u8; 10]) -> IntentId {
        let mut bytes = *IntentId::root(at, random).0.as_bytes();
        bytes[14..].copy_from_slice(&self.0.as_bytes()[14..]);
        IntentId(Uuid::from_bytes(bytes))
    }

    /// Returns when the intent was created, to the millisecond.
    pub fn created_at(self) -> Time {
        let bytes = self.0.as_bytes();
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&bytes[..6]);
        Time::from_micros(i64::from_be_bytes(millis).saturating_mul(1_000))
    }

    /// Returns the shard: the last 16 bits, which the whole family shares.
    pub fn shard(self) -> u16 {
        let bytes = self.0.as_bytes();
        u16::from_be_bytes([bytes[14], bytes[15]])
    }
}

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<IntentId> for axme_types::Id {
    fn from(id: IntentId) -> axme_types::Id {
        id.0.into()
    }
}

impl FromStr for IntentId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text.trim()).map(IntentId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_shares_its_shard() {
        let root = IntentId::root(Time::from_micros(1_700_000_000_000_000), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        let child = root.relative(Time::from_micros(1_700_000_000_500_000), [0xff; 10]);
        assert_ne!(root, child);
        assert_eq!(root.shard(), child.shard());
        assert_eq!(root.shard(), 0x090a);
        assert!(root < child, "ids sort by time");
    }
}
