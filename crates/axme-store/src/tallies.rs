//! The usage that a group of jobs counts. Counting each job by itself would cost a statement per job.

use crate::error::StoreError;
use crate::quotas;
use crate::tx::{Tally, Tx};

#[derive(Default)]
pub(crate) struct Tallies(Vec<(Tally, i64)>);

impl Tallies {
    pub fn add(&mut self, tallies: Vec<(Tally, i64)>) {
        for (tally, more) in tallies {
            match self.0.iter_mut().find(|(known, _)| *known == tally) {
                Some((_, count)) => *count = count.saturating_add(more),
                None => self.0.push((tally, more)),
            }
        }
    }

    /// Adds the usage to the rows of a connection, which `slot` tells apart from those of others.
    pub fn write(self, tx: &mut Tx<'_>, slot: i64) -> Result<(), StoreError> {
        self.0.into_iter().try_for_each(|(tally, count)| quotas::add(tx, tally, slot, count))
    }
}
