//! The registry's stale-fill race, explored: its very source, compiled over a scheduler that tries
//! the interleavings of its locks.

mod sync {
    pub(super) use shuttle::sync::atomic::{AtomicU64, Ordering};
    pub(super) use shuttle::sync::{Mutex, MutexGuard};
    pub(super) use std::sync::PoisonError;
}

#[path = "../src/memory/session_registry.rs"]
#[allow(dead_code, reason = "the tests need a part of it")]
mod session_registry;

use std::sync::Arc;
use std::time::Duration;

use doorward::model::clock::Timestamp;
use doorward::model::generation::UsedGeneration;
use doorward::model::ids::{SessionId, Subject, UserId};
use doorward::model::permission::Permissions;
use doorward::model::session::{SessionState, Written};
use doorward::model::user::PublicAccount;
use session_registry::{Lookup, Registry};
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread;
use uuid::Uuid;

const SCHEDULES: usize = 20_000;

fn state() -> Arc<SessionState> {
    let me = PublicAccount {
        id: UserId::from(1),
        email: "a@example.com".to_owned(),
        is_active: true,
        role: "user".to_owned(),
    };
    Arc::new(SessionState {
        me,
        subject: Subject::from(Uuid::nil()),
        permissions: Permissions::default(),
        authenticated_at: Timestamp::from_secs(0),
        idle_expires_at: Timestamp::from_secs(1),
        expires_at: Timestamp::from_secs(1),
        least_generation: 0,
        used: UsedGeneration::default(),
        written: Written::default(),
    })
}

/// A session in a database, requests that load it, and something that ends it: commit, evict,
/// acknowledge.
///
/// `late_permits` draws the permit only after the load, which is what having none would be.
fn nobody_is_let_in_after_the_acknowledgement(evict: fn(&Registry, SessionId), late_permits: bool) {
    let session = SessionId::from(Uuid::from_u128(7));
    let registry = Arc::new(Registry::new(16));
    registry.renew_lease(Registry::lease_start() + Duration::from_hours(1));
    let live_in_database = Arc::new(AtomicBool::new(true));
    let acknowledged = Arc::new(AtomicBool::new(false));
    let requests: Vec<_> = (0..3)
        .map(|_| {
            let (registry, live, acknowledged) = (
                Arc::clone(&registry),
                Arc::clone(&live_in_database),
                Arc::clone(&acknowledged),
            );
            thread::spawn(move || {
                for _ in 0..2 {
                    let sent_after = acknowledged.load(Ordering::SeqCst);
                    let let_in = match registry.look_up(session) {
                        Lookup::Hit(_) => true,
                        Lookup::Miss(permit) => {
                            let live = live.load(Ordering::SeqCst);
                            if live && !late_permits {
                                registry.fill(permit, state());
                            } else if live && let Lookup::Miss(late) = registry.look_up(session) {
                                registry.fill(late, state());
                            }
                            live
                        }
                    };
                    assert!(!(sent_after && let_in), "let in after the acknowledgement");
                }
            })
        })
        .collect();
    live_in_database.store(false, Ordering::SeqCst);
    evict(&registry, session);
    acknowledged.store(true, Ordering::SeqCst);
    for request in requests {
        request.join().unwrap();
    }
    assert!(
        matches!(registry.look_up(session), Lookup::Miss(_)),
        "let in after the acknowledgement, by a stale fill"
    );
}

#[test]
fn an_ended_session_is_never_let_in_again() {
    shuttle::check_random(
        || nobody_is_let_in_after_the_acknowledgement(Registry::evict, false),
        SCHEDULES,
    );
}

#[test]
fn no_session_of_an_ended_user_is_let_in_again() {
    let evict: fn(&Registry, SessionId) = |registry, _| registry.evict_user(UserId::from(1));
    shuttle::check_random(
        move || nobody_is_let_in_after_the_acknowledgement(evict, false),
        SCHEDULES,
    );
}

#[test]
fn nothing_outlives_a_gap_in_the_feed() {
    let evict: fn(&Registry, SessionId) = |registry, _| registry.clear();
    shuttle::check_random(
        move || nobody_is_let_in_after_the_acknowledgement(evict, false),
        SCHEDULES,
    );
}

#[test]
#[should_panic = "let in after the acknowledgement"]
fn without_the_permits_the_exploration_finds_the_race() {
    // One long-lived session of requests is enough for it to be seen by a later one.
    shuttle::check_random(
        || nobody_is_let_in_after_the_acknowledgement(Registry::evict, true),
        SCHEDULES,
    );
}
