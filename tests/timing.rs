//! Whether someone has an account cannot be told by how long an answer takes: the answers of two
//! kinds, asked in turns, are put against each other as the area under the ROC curve. 0.5 is blind
//! guessing, 0 and 1 are certainty.

use std::sync::Arc;
use std::time::Duration;

use doorward::model::clock::monotonic_now;

use crate::support::app::{BEGINNING, fresh_database};
use crate::support::{Answer, Engine, PASSWORD, TestApp};

const PAIRS: usize = 200;
const ALIKE: std::ops::RangeInclusive<f64> = 0.4..=0.6;
/// Failures of one account, of the hundred that lock it.
const TURNS_AN_ACCOUNT: usize = 40;

/// How likely one of the first takes longer than one of the second.
fn area(first: &[Duration], second: &[Duration]) -> f64 {
    let wins: u32 = first
        .iter()
        .flat_map(|a| {
            second
                .iter()
                .map(move |b| if a > b { 2 } else { u32::from(a == b) })
        })
        .sum();
    f64::from(wins) / 2.0 / f64::from(u32::try_from(first.len() * second.len()).unwrap())
}

async fn timed(answer: impl Future<Output = Answer>, status: u16) -> Duration {
    let begin = monotonic_now();
    let answer = answer.await;
    let took = begin.elapsed();
    answer.expect(status);
    took
}

/// Asks for both kinds in turns, and one before the other as often as after it.
async fn compared(
    app: &TestApp,
    what: &str,
    first: impl AsyncFn(usize) -> Duration,
    second: impl AsyncFn(usize) -> Duration,
) -> f64 {
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    for turn in 0..PAIRS {
        // As long as the longest wait after a failure.
        app.advance(Duration::from_mins(15));
        if turn % 2 == 0 {
            firsts.push(first(turn).await);
            seconds.push(second(turn).await);
        } else {
            seconds.push(second(turn).await);
            firsts.push(first(turn).await);
        }
    }
    let area = area(&firsts, &seconds);
    println!("timing: {what}: {area:.3} over {PAIRS} pairs");
    area
}

/// Of what is alike, one area in 2,000 lies outside by chance: a second one decides.
async fn assert_alike(
    app: &TestApp,
    what: &str,
    first: impl AsyncFn(usize) -> Duration,
    second: impl AsyncFn(usize) -> Duration,
) {
    let area = compared(app, what, &first, &second).await;
    if !ALIKE.contains(&area) {
        let again = compared(app, what, first, second).await;
        assert!(ALIKE.contains(&again), "{what}: {area:.3}, and {again:.3}");
    }
}

fn name(kind: &str, turn: usize) -> String {
    format!("{kind}{}@example.com", turn / TURNS_AN_ACCOUNT)
}

impl TestApp {
    /// With hashes as dear as users get them, and locks that time alone does not end: each turn moves
    /// the clock.
    pub async fn start_at_full_cost(engine: Engine) -> Self {
        let (url, folder) = fresh_database(engine).await;
        let settings = [("DOORWARD_ACCOUNT_LOCK", "strict")];
        Self::start_on(&url, Arc::new(folder), &settings, None, BEGINNING).await
    }
}

async fn nothing_is_told_by_time(engine: Engine) {
    let app = &TestApp::start_at_full_cost(engine).await;
    for turn in (0..PAIRS).step_by(TURNS_AN_ACCOUNT) {
        for kind in ["active", "closed"] {
            app.register(&name(kind, turn), PASSWORD).await.expect(201);
        }
    }
    app.sql("UPDATE users SET is_active = FALSE WHERE email LIKE 'closed%'")
        .await;
    let login =
        async |kind: &str, turn, password: &str| timed(app.login(&name(kind, turn), password), 401).await;
    let register = async |kind: &str, turn| timed(app.register(&name(kind, turn), PASSWORD), 400).await;
    assert_alike(
        app,
        "login, known and unknown",
        async |turn| login("active", turn, "wrong wrong").await,
        async |turn| login("absent", turn, "wrong wrong").await,
    )
    .await;
    assert_alike(
        app,
        "login, disabled and unknown",
        async |turn| login("closed", turn, PASSWORD).await,
        async |turn| login("vacant", turn, PASSWORD).await,
    )
    .await;
    assert_alike(
        app,
        "register, taken and taken by a disabled",
        async |turn| register("active", turn).await,
        async |turn| register("closed", turn).await,
    )
    .await;
    // The measure sees what there is to be seen: an overlong password is refused without a hash or
    // a look at the database, for everyone alike.
    let overlong = "x".repeat(1025);
    let seen = compared(
        app,
        "login, hashed and unhashed",
        async |turn| login("missing", turn, "wrong wrong").await,
        async |turn| login("missing", turn, &overlong).await,
    );
    assert!(seen.await > 0.9);
    // Locked by a hundred failures, however far the clock is moved.
    app.register(&name("halted", 0), PASSWORD).await.expect(201);
    for _ in 0..100 {
        app.advance(Duration::from_mins(15));
        login("halted", 0, "wrong wrong").await;
        login("nobody", 0, "wrong wrong").await;
    }
    let halted = async |kind: &str| timed(app.login(&name(kind, 0), PASSWORD), 429).await;
    assert_alike(
        app,
        "login, throttled, known and unknown",
        async |_| halted("halted").await,
        async |_| halted("nobody").await,
    )
    .await;
    assert_alike(
        app,
        "register, taken and taken by a throttled",
        async |turn| register("active", turn).await,
        async |_| register("halted", 0).await,
    )
    .await;
}

#[tokio::test]
async fn nothing_is_told_by_time_on_sqlite() {
    nothing_is_told_by_time(Engine::Sqlite).await;
}

#[tokio::test]
async fn nothing_is_told_by_time_on_postgres() {
    nothing_is_told_by_time(Engine::Postgres).await;
}

#[test]
fn the_area_is_a_half_of_what_is_alike_and_one_of_what_is_apart() {
    let all: Vec<_> = (0..100).map(Duration::from_micros).collect();
    let later: Vec<_> = (200..300).map(Duration::from_micros).collect();
    assert_eq!(
        (area(&all, &all), area(&later, &all), area(&all, &later)),
        (0.5, 1.0, 0.0)
    );
}
