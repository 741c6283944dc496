//! The two engines: each test is a function of the engine, and runs on each engine as a separate test.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::databases;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Defines the tests of a file, each an `async fn name(engine: Engine)`. They run as `sqlite::name` and
/// `postgres::name`, so that a failure on one engine does not hide the other. An unlisted function is dead code, which
/// the lint step rejects.
macro_rules! each_engine {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[test]
                fn $test() {
                    crate::harness::run(crate::harness::Engine::Sqlite, super::$test);
                }
            )+
        }

        mod postgres {
            $(
                #[test]
                fn $test() {
                    crate::harness::run(crate::harness::Engine::Postgres, super::$test);
                }
            )+
        }
    };
}
pub(crate) use each_engine;

/// Defines tests of several nodes, each an `async fn name()`. They run on PostgreSQL only, since SQLite has one node.
macro_rules! postgres_only {
    ($($test:ident),+ $(,)?) => {
        mod postgres {
            $(
                #[test]
                fn $test() {
                    crate::harness::run(crate::harness::Engine::Postgres, |_| super::$test());
                }
            )+
        }
    };
}
pub(crate) use postgres_only;

/// Runs one test on one engine. Without a PostgreSQL server its tests are skipped, except in CI, where they fail.
pub fn run<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(Engine) -> F) {
    if engine == Engine::Postgres && databases::postgres_url().is_none() {
        let missing = format!("{} is not set", databases::POSTGRES);
        assert!(!is_ci(), "{missing}");
        eprintln!("{missing}: skipped");
        return;
    }
    let place = databases::enter(engine);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test(engine))));
    // Ends the tasks that the test has spawned.
    drop(runtime);
    databases::leave(place, outcome.is_ok());
    outcome.unwrap_or_else(|panic| resume_unwind(panic));
}

/// Returns whether this is continuous integration, where no test may be skipped.
pub fn is_ci() -> bool {
    std::env::var("CI").is_ok()
}
