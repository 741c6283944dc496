//! `cargo xtask upgrade`: a rolling upgrade of two nodes from an earlier commit to this one, under load, on PostgreSQL. It
//! builds that commit in a folder of its own, and runs `crates/axme/tests/crash/upgrade.rs` with its program.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::cargo;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The earlier commit
    #[arg(long, default_value = "HEAD~1")]
    from: String,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    std::env::var("AXME_TEST_POSTGRES_URL")
        .context("set AXME_TEST_POSTGRES_URL, as tools/postgres.sh start prints it")?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let (source, build) = (root.join("target/upgrade/source"), root.join("target/upgrade/build"));
    let git = |args: &[&str]| Command::new("git").arg("-C").arg(&root).args(args).status();
    let path = source.to_str().context("the path of the repository must be UTF-8")?;
    // An earlier run may have been interrupted.
    let _ = std::fs::remove_dir_all(&source);
    ensure!(git(&["worktree", "prune"])?.success(), "git worktree prune failed");
    ensure!(
        git(&["worktree", "add", "--detach", path, &options.from])?.success(),
        "there is no commit {}",
        options.from
    );
    let built = cargo().args(["build", "-p", "axme"]).current_dir(&source).env("CARGO_TARGET_DIR", &build).status();
    let removed = git(&["worktree", "remove", "--force", path])?;
    ensure!(built?.success(), "the commit {} does not build", options.from);
    ensure!(removed.success(), "the worktree {path} could not be removed");
    let tested = cargo()
        .args(["test", "-p", "axme", "--test", "crash", "upgrade::", "--", "--nocapture"])
        .current_dir(&root)
        .env("AXME_TEST_PREVIOUS", build.join("debug/axme"))
        .status()?;
    ensure!(tested.success(), "the upgrade from {} lost something, or the test did not run", options.from);
    Ok(())
}
