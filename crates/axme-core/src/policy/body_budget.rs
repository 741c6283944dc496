//! The memory for request bodies that are on their way or in use: in total, and per client. A body reserves its whole
//! length before it is read, so that a body that has begun can always be finished.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::keyed_semaphores::KeyedSemaphores;

pub struct BodyBudget {
    all: Arc<Semaphore>,
    clients: KeyedSemaphores<String>,
}

/// The memory of one body. Dropping it returns the memory.
pub struct BodyPermit {
    _permits: [OwnedSemaphorePermit; 2],
}

impl BodyBudget {
    /// Returns a budget in bytes. One client can never take all of it.
    pub fn new(all: usize, per_client: usize) -> BodyBudget {
        let all = Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS)));
        BodyBudget { all, clients: KeyedSemaphores::new(per_client) }
    }

    /// Waits until `bytes` are free for a client. The client waits for its own share first, so that a client with many
    /// bodies does not stand in the way of others.
    pub async fn reserve(&self, client: &str, bytes: usize) -> Option<BodyPermit> {
        let bytes = u32::try_from(bytes).ok()?;
        let own = self.clients.of(client).acquire_many_owned(bytes).await.ok()?;
        let all = self.all.clone().acquire_many_owned(bytes).await.ok()?;
        Some(BodyPermit { _permits: [own, all] })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn within<T>(waiting: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(Duration::from_millis(20), waiting).await.ok()
    }

    #[tokio::test]
    async fn one_client_waits_for_itself_and_all_wait_for_all() {
        let budget = BodyBudget::new(100, 60);
        let first = budget.reserve("a", 50).await;
        assert!(within(budget.reserve("a", 20)).await.is_none(), "beyond the share of one client");
        let second = within(budget.reserve("b", 50)).await;
        assert!(second.is_some());
        assert!(within(budget.reserve("c", 1)).await.is_none(), "beyond the whole");
        drop(first);
        assert!(within(budget.reserve("c", 50)).await.flatten().is_some());
        assert!(within(budget.reserve("b", 10)).await.flatten().is_some());
    }
}
