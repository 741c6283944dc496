//! Chores of the repository: `cargo xtask openapi`, `cargo xtask bench`. Nothing here is shipped.

mod bench;
mod openapi;

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
    /// Measure the server beside a floor, in the same run (bench/README.md says how to read it).
    Bench(bench::Options),
    /// The load generator, which the bench starts.
    #[command(hide = true)]
    BenchLoad,
    /// A server on its own, which the bench starts to see how long that takes and how much memory it needs.
    #[command(hide = true)]
    BenchIdle { data: std::path::PathBuf },
}

fn main() -> anyhow::Result<()> {
    match Xtask::parse().chore {
        Chore::Openapi => openapi::write(),
        Chore::Bench(options) => bench::run(&options),
        Chore::BenchLoad => bench::load::serve(),
        Chore::BenchIdle { data } => bench::idle::serve(data),
    }
}
