//! Tasks of the repository: `cargo xtask openapi`, `cargo xtask schemas`, `cargo xtask covered`, `cargo xtask bench`,
//! `cargo xtask peers`, `cargo xtask count`, `cargo xtask sim`, `cargo xtask nodes`, `cargo xtask dist`,
//! `cargo xtask soak`, `cargo xtask upgrade`.
//! Nothing here is shipped.

mod bench;
mod count;
mod coverage;
mod dist;
mod nodes;
mod openapi;
mod schemas;
mod sim;
mod upgrade;

use std::process::Command;

use clap::{Parser, Subcommand};

/// The same allocator as in the shipped program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the repository")]
struct Xtask {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Write spec/openapi.json from the table of operations.
    Openapi,
    /// Write the input and the answer of each operation as JSON Schemas, one per file.
    Schemas(schemas::Options),
    /// List operations that the tests did not cover. Run the tests on both engines first.
    #[command(name = "covered")]
    Coverage,
    /// Measure the server next to a floor, in the same run (bench/README.md says how to read the table).
    Bench(bench::Options),
    /// Compare the server with systems that solve problems near it, in turns, in the same run.
    Peers(bench::peers::Options),
    /// Count the instructions of the steps of a lifecycle, and compare them with the numbers in the repository.
    Count(count::Options),
    /// Simulate the server under faults, one history per seed (docs/decisions/0008-simulation.md).
    Sim(sim::Options),
    /// Build all packages and try each of them; options go to tools/dist.py.
    Dist(dist::Options),
    /// Kill, stop and restart three nodes on one PostgreSQL for a while, and check that nothing is lost.
    Nodes(nodes::Options),
    /// Upgrade two nodes one after the other from an earlier commit to this one, under load.
    Upgrade(upgrade::Options),
    /// Run a server under load for an hour with retention on, and check that its sizes stay flat.
    Soak(bench::soak::Options),
    /// The load generator, which the bench starts.
    #[command(hide = true)]
    BenchLoad,
    /// A server that the bench starts to measure its start and its memory.
    #[command(hide = true)]
    BenchIdle { data: std::path::PathBuf },
    /// A server that the bench starts with waiting intents, or empty; on a PostgreSQL if there is a URL.
    #[command(hide = true)]
    BenchServe { data: std::path::PathBuf, url: Option<String> },
}

fn main() -> anyhow::Result<()> {
    match Xtask::parse().chore {
        Chore::Openapi => openapi::write(),
        Chore::Schemas(options) => schemas::write(options),
        Chore::Coverage => coverage::check(),
        Chore::Bench(options) => bench::run(&options),
        Chore::Peers(options) => bench::peers::run(&options),
        Chore::Count(options) => count::run(&options),
        Chore::Sim(options) => sim::run(&options),
        Chore::Dist(options) => dist::run(&options),
        Chore::Nodes(options) => nodes::run(&options),
        Chore::Upgrade(options) => upgrade::run(&options),
        Chore::Soak(options) => bench::soak::run(&options),
        Chore::BenchLoad => bench::load::serve(),
        Chore::BenchIdle { data } => bench::idle::serve(data),
        Chore::BenchServe { data, url } => bench::waiting::serve(data, url.as_deref()),
    }
}

/// Returns the Cargo that runs this program. The Cargo that built it may be another one, or gone.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
