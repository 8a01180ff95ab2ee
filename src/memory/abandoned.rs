//! Attempts at a factor whose outcome was not stored, because their client has left or the database
//! failed. They wait here to be settled.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::model::throttle::Counters;

/// Most attempts that wait. Others count as in flight until their time is over.
const MOST: usize = 10_000;

/// The attempts that wait.
#[derive(Debug, Default)]
pub struct AbandonedAttempts {
    waiting: Mutex<Vec<Counters>>,
    added: Notify,
}

impl AbandonedAttempts {
    /// Adds an attempt.
    pub fn add(&self, counters: Counters) {
        let mut waiting = self.waiting();
        if waiting.len() < MOST {
            waiting.push(counters);
            self.added.notify_one();
        }
    }

    /// Waits for attempts and takes them all.
    pub async fn take(&self) -> Vec<Counters> {
        loop {
            let taken = std::mem::take(&mut *self.waiting());
            if !taken.is_empty() {
                return taken;
            }
            self.added.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Counters>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
