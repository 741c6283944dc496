//! Chores of the repository: `cargo xtask openapi`, `cargo xtask covered`, `cargo xtask bench`, `cargo xtask sim`. Nothing here is shipped.

mod bench;
mod coverage;
mod openapi;
mod sim;

use clap::{Parser, Subcommand};

/// The same allocator as the program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the repository")]
struct Xtask {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Write spec/openapi.json from the table of operations.
    Openapi,
    /// Say which operations the tests have left out, after they ran on both engines.
    #[command(name = "covered")]
    Coverage,
    /// Measure the server beside a floor, in the same run (bench/README.md says how to read it).
    Bench(bench::Options),
    /// Play the server in a world that misbehaves, one history per seed (docs/decisions/0008-simulation.md).
    Sim(sim::Options),
    /// The load generator, which the bench starts.
    #[command(hide = true)]
    BenchLoad,
    /// A server on its own, which the bench starts to see how long that takes and how much memory it needs.
    #[command(hide = true)]
    BenchIdle { data: std::path::PathBuf },
    /// A server in which intents wait, or none.
    #[command(hide = true)]
    BenchServe { data: std::path::PathBuf },
}

fn main() -> anyhow::Result<()> {
    match Xtask::parse().chore {
        Chore::Openapi => openapi::write(),
        Chore::Coverage => coverage::check(),
        Chore::Bench(options) => bench::run(&options),
        Chore::Sim(options) => sim::run(&options),
        Chore::BenchLoad => bench::load::serve(),
        Chore::BenchIdle { data } => bench::idle::serve(data),
        Chore::BenchServe { data } => bench::waiting::serve(data),
    }
}
