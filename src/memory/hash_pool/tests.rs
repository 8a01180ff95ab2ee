//! Places and turns of the pool: none is lost, and no hash runs for a client that has left.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;

use super::*;
use crate::model::clock::Timestamp;

fn pool(places: usize) -> HashPool<Vec<u8>> {
    HashPool::start(
        1,
        places,
        |buffer: &mut Vec<u8>| buffer.truncate(8),
        HashTimes::register(&Metrics::new(Timestamp::from_secs(0)).unwrap()).unwrap(),
    )
    .unwrap()
}

fn from(network: u8) -> Caller {
    Caller::stranger(IpAddr::from([10, 0, network, 1]))
}

/// Every turn that there is.
async fn every_turn(pool: &HashPool<Vec<u8>>) -> Vec<HashPlace<Vec<u8>>> {
    let turns = join_all((0..TURNS_A_THREAD).map(|_| pool.place(from(0)))).await;
    turns.into_iter().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_full_queue_answers_busy_at_once_and_serves_again_later() {
    let pool = pool(1);
    let turns = every_turn(&pool).await;
    let (waited, refused) = tokio::join!(pool.place(from(0)), async {
        let refused = pool.place(from(0)).await.err();
        drop(turns);
        refused
    });
    assert_eq!(refused, Some(NotRun::Busy));
    assert_eq!(waited.unwrap().run(|_| "hashed").await, Ok("hashed"));
    assert_eq!(
        pool.place(from(0)).await.unwrap().run(|_| "again").await,
        Ok("again")
    );
}

#[tokio::test]
async fn a_network_that_needs_its_first_place_displaces_the_second_of_another() {
    let pool = pool(2);
    let turns = every_turn(&pool).await;
    let (first, second, other) = tokio::join!(biased; pool.place(from(1)), pool.place(from(1)), async {
        let (other, ()) = tokio::join!(biased; pool.place(from(2)), async { drop(turns) });
        other
    });
    assert!(first.is_ok() && other.is_ok());
    assert_eq!(second.err(), Some(NotRun::Busy));
}

#[tokio::test]
async fn a_client_that_leaves_the_queue_gives_its_place_up() {
    let pool = pool(1);
    let turns = every_turn(&pool).await;
    let leaver = pool.place(from(1));
    tokio::select! { biased; _ = leaver => unreachable!(), () = std::future::ready(()) => {} }
    let (next, ()) = tokio::join!(biased; pool.place(from(1)), async { drop(turns) });
    assert!(next.is_ok());
    drop(next);
    assert_eq!(pool.0.turns().given, 0, "no turn is lost");
}

#[tokio::test]
async fn a_client_that_left_the_queue_costs_no_hash() {
    let pool = pool(4);
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let (begun, running) = oneshot::channel();
    let ran = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ran);
    let held = pool.place(from(0)).await.unwrap().run(move |_| {
        begun.send(()).unwrap();
        gate.recv().unwrap();
    });
    let leaver = async {
        running.await.unwrap();
        let place = pool.place(from(0)).await.unwrap();
        let job = place.run(move |_| seen.store(true, Ordering::SeqCst));
        tokio::select! { biased; _ = job => unreachable!(), () = std::future::ready(()) => {} }
        release.send(()).unwrap();
    };
    tokio::join!(held, leaver).0.unwrap();
    let after = pool.place(from(0)).await.unwrap();
    after.run(|_| "after the leaver").await.unwrap();
    assert!(!ran.load(Ordering::SeqCst));
    assert_eq!(pool.0.turns().given, 0, "no turn is lost");
}

#[tokio::test]
async fn a_job_that_panics_ends_its_turn() {
    let pool = pool(1);
    for _ in 0..2 * TURNS_A_THREAD {
        let place = pool.place(from(0)).await.unwrap();
        let failed: Result<(), NotRun> = place.run(|_| panic!("a defect")).await;
        assert_eq!(failed, Err(NotRun::Busy));
    }
}

#[tokio::test]
async fn what_a_network_asked_minutes_ago_does_not_cost_its_place() {
    let pool = pool(1);
    for _ in 0..40 {
        drop(pool.place(from(1)).await);
    }
    let turns = every_turn(&pool).await;
    let flood = pool.place(from(2));
    let honest = async {
        let refused = pool.place(from(1)).await.err();
        let later = monotonic_now() + 6 * DEMAND_HALVED;
        pool.0.turns().age_demand(later);
        for _ in 0..3 {
            drop(pool.0.turns().queue.push(from(2), oneshot::channel().0));
        }
        let (place, ()) = tokio::join!(biased; pool.place(from(1)), async { drop(turns) });
        (refused, place.is_ok())
    };
    let (outcome, (refused, came_in)) = tokio::join!(biased; flood, honest);
    assert_eq!((refused, came_in), (Some(NotRun::Busy), true));
    assert_eq!(outcome.err(), Some(NotRun::Busy));
}
