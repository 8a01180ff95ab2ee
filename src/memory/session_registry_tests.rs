//! The registry's own tests, apart from it because the tests of its interleavings compile its file
//! a second time.

use std::sync::Arc;
use std::time::Duration;

use super::session_registry::{Lookup, Registry};
use uuid::Uuid;

use crate::model::clock::Timestamp;
use crate::model::generation::UsedGeneration;
use crate::model::ids::{SessionId, Subject, UserId};
use crate::model::permission::Permissions;
use crate::model::session::{SessionState, Written};
use crate::model::user::PublicAccount;

fn session(number: u128) -> SessionId {
    SessionId::from(Uuid::from_u128(number))
}

fn state(user: i64) -> Arc<SessionState> {
    let me: PublicAccount = PublicAccount {
        id: UserId::from(user),
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

fn leased(size: usize) -> Registry {
    let registry = Registry::new(size);
    registry.renew_lease(Registry::lease_start() + Duration::from_hours(1));
    registry
}

fn fill(registry: &Registry, number: u128, user: i64) {
    let Lookup::Miss(ticket) = registry.look_up(session(number)) else {
        panic!("already there")
    };
    registry.fill(ticket, state(user));
}

fn holds(registry: &Registry, number: u128) -> bool {
    matches!(registry.look_up(session(number)), Lookup::Hit(_))
}

#[test]
fn what_was_filled_is_hit_until_it_is_evicted() {
    let registry = leased(100);
    fill(&registry, 1, 1);
    assert!(holds(&registry, 1));
    registry.evict(session(1));
    assert!(!holds(&registry, 1));
}

#[test]
fn a_load_that_began_before_an_eviction_is_never_kept() {
    let registry = leased(100);
    let Lookup::Miss(ticket) = registry.look_up(session(1)) else {
        panic!()
    };
    registry.evict(session(1));
    registry.fill(ticket, state(1));
    assert!(!holds(&registry, 1));
    let Lookup::Miss(ticket) = registry.look_up(session(1)) else {
        panic!()
    };
    registry.evict_user(UserId::from(1));
    registry.fill(ticket, state(1));
    assert!(!holds(&registry, 1));
}

#[test]
fn evicting_a_user_spares_the_others() {
    let registry = leased(1000);
    for number in 0..20 {
        fill(&registry, number, if number % 2 == 0 { 2 } else { 1 });
    }
    registry.evict_user(UserId::from(1));
    assert_eq!(registry.len(), 10);
    assert!(holds(&registry, 0) && !holds(&registry, 1));
}

#[test]
fn without_a_lease_nothing_is_believed() {
    let registry = leased(100);
    fill(&registry, 1, 1);
    let unleased = Registry::lease_start();
    registry.end_lease();
    assert!(!holds(&registry, 1));
    registry.renew_lease(unleased);
    assert!(holds(&registry, 1));
    registry.clear();
    assert!(!holds(&registry, 1));
}

#[test]
fn memory_is_bounded_and_the_least_recently_used_goes_first() {
    let registry = leased(16 * 4);
    for number in 0..1000 {
        fill(&registry, number, 1);
    }
    assert!(registry.len() <= 16 * 4);
    assert!(holds(&registry, 999) && !holds(&registry, 0));
}
