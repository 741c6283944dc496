//! `cargo xtask dist`: the packages of the program. `tools/dist.py` builds and tries them. This checks the files in
//! `deploy/` first, with the programs of Prometheus, systemd, Docker and Kubernetes that Debian and PyPI have.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use clap::Args;

#[derive(Args)]
pub struct Options {
    /// Check the files in deploy/ only, and build nothing
    #[arg(long)]
    files_only: bool,
    /// Options of tools/dist.py, after --
    #[arg(last = true)]
    options: Vec<String>,
}

pub fn run(options: &Options) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let prometheus = root.join("deploy/prometheus");
    let token = tempfile::NamedTempFile::new()?;
    check("promtool", &["check", "rules"], &[prometheus.join("alerts.yml")])?;
    check("promtool", &["test", "rules"], &[prometheus.join("alerts_test.yml")])?;
    // The file of the token is on the machine of the operator only.
    let scrape = std::fs::read_to_string(prometheus.join("prometheus.yml"))?;
    let scrape = scrape.replace("/etc/prometheus/axme-token", &token.path().display().to_string());
    let copied = tempfile::tempdir()?;
    std::fs::write(copied.path().join("prometheus.yml"), scrape)?;
    std::fs::copy(prometheus.join("alerts.yml"), copied.path().join("alerts.yml"))?;
    check("promtool", &["check", "config"], &[copied.path().join("prometheus.yml")])?;
    let said = check("systemd-analyze", &["verify", "--man=no"], &units(copied.path(), &root)?)?;
    // A key that systemd does not know is only a warning to it.
    ensure!(!said.contains("axme."), "systemd-analyze verify: {said}");
    check_compose(&root.join("deploy/compose/compose.yaml"))?;
    let validate = kubernetes_validate(&root.join("target/dist-tools-kubernetes"))?;
    check(&validate, &["--strict"], &[root.join("deploy/kubernetes/axme.yaml")])?;
    if options.files_only {
        return Ok(());
    }
    let status = Command::new("python3").arg(root.join("tools/dist.py")).args(&options.options).status();
    ensure!(status.context("python3")?.success(), "the packages could not be made");
    Ok(())
}

fn check_compose(file: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("docker-compose");
    // An operator sets these two.
    command.env("AXME_HOST", "axme.example.com").env("POSTGRES_PASSWORD", "password");
    let done = command.arg("--file").arg(file).args(["config", "--quiet"]).output();
    let done = done.context("docker-compose is not installed")?;
    ensure!(done.status.success(), "docker-compose config: {}", String::from_utf8_lossy(&done.stderr));
    println!("docker-compose config: {}", file.display());
    Ok(())
}

/// Installs the validator from PyPI once, and returns its program.
fn kubernetes_validate(tools: &Path) -> anyhow::Result<String> {
    let program = tools.join("bin/kubernetes-validate");
    if !program.exists() {
        check("python3", &["-m", "venv"], &[tools.to_owned()])?;
        let pip = tools.join("bin/pip").display().to_string();
        check(&pip, &["install", "--quiet", "kubernetes-validate"], &[])?;
    }
    Ok(program.display().to_string())
}

/// Returns copies of the units with a program that is on this machine. A socket needs its service beside it.
fn units(folder: &Path, root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let copy = |name: &str| -> anyhow::Result<PathBuf> {
        let text = std::fs::read_to_string(root.join("deploy/systemd").join(name))?;
        let path = folder.join(name);
        std::fs::write(&path, text.replace("/usr/bin/axme", "/bin/true"))?;
        Ok(path)
    };
    ["axme.service", "axme.socket"].into_iter().map(copy).collect()
}

/// Runs a program, and returns its output if it succeeds.
fn check(program: &str, words: &[&str], files: &[PathBuf]) -> anyhow::Result<String> {
    let done = Command::new(program).args(words).args(files).output();
    let done = done.with_context(|| format!("{program} is not installed"))?;
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    ensure!(done.status.success(), "{program} {}: {said}", words.join(" "));
    println!(
        "{program} {}: {}",
        words.join(" "),
        files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(" ")
    );
    Ok(said)
}
