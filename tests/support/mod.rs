//! What the tests stand on: a running service on either engine, people who use it, and the program
//! as a process.

pub mod app;
pub mod document;
pub mod people;
pub mod postgres;
pub mod posts;
pub mod process;
pub mod secrets;
pub mod wire;

pub use app::{Engine, TestApp};
pub use people::Answer;

/// Writes each test once and runs it on both engines.
macro_rules! on_both_engines {
    ($(async fn $name:ident($app:ident) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every test needs all that its file imports")]
            use super::*;

            async fn run($app: $crate::support::TestApp) $body

            #[tokio::test]
            async fn sqlite() {
                run($crate::support::TestApp::start($crate::support::Engine::Sqlite).await).await;
            }

            #[tokio::test]
            async fn postgres() {
                run($crate::support::TestApp::start($crate::support::Engine::Postgres).await).await;
            }
        }
    )*};
}

pub(crate) use on_both_engines;

/// What nobody has to be told twice.
pub const PASSWORD: &str = "an owl keeps the door";

/// The root secret of every server that a test gives one.
pub const SECRET: &str = "the tests' own secret, forty bytes long!";
