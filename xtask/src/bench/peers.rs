//! `cargo xtask peers`: the same shape of work on this server and on systems that solve problems near it. They take turns in
//! one run. `docs/comparison.md` shows the kept result and says what the systems promise.
//!
//! A client submits work, a worker does it, and the client submits the next one when it knows that the work is done. This
//! server and Restate get their load from the same light client. The libraries run in Node.js, as their users run them.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use axme_server::Running;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::connection::{self, Connection};
use super::protocol::{IdempotencyKeys, Phase, PostLoad, Report, Workload};
use super::record::{Machine, between, root};
use super::{LoadGenerator, admin_key, batch, median, provision, settings};

const FILES: [&str; 4] = ["package.json", "package-lock.json", "jobs.mjs", "restate.mjs"];
/// The program itself, and not the script that starts it.
const RESTATE: &str = "node_modules/@restatedev/restate-server-linux-x64/bin/restate-server";
const PAGE: &str = "docs/comparison.md";
const KEPT: &str = "bench/results/peers.json";
/// How often, and how many times, the ports of a starting system are tried.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
const MAX_LOOKS: usize = 150;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The PostgreSQL on which this server and the libraries work, in databases that are dropped at the end
    #[arg(long)]
    database_url: Option<String>,
    /// How many clients run at a time
    #[arg(long, value_delimiter = ',', default_value = "16,64")]
    clients: Vec<usize>,
    /// Seconds per measure and round, after a warm-up of a quarter of that time
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Keep the result in bench/results, and write it into docs/comparison.md
    #[arg(long)]
    record: bool,
    /// Instead, write the kept result into docs/comparison.md again
    #[arg(long)]
    render: bool,
}

/// The systems, in the order of each round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum System {
    AxmeSqlite,
    AxmePostgres,
    Restate,
    Dbos,
    PgBoss,
    GraphileWorker,
}

impl System {
    const ALL: [System; 6] = [
        System::AxmeSqlite,
        System::AxmePostgres,
        System::Restate,
        System::Dbos,
        System::PgBoss,
        System::GraphileWorker,
    ];

    fn name(self) -> &'static str {
        match self {
            System::AxmeSqlite => "AXME, SQLite",
            System::AxmePostgres => "AXME, PostgreSQL",
            System::Restate => "Restate",
            System::Dbos => "DBOS, PostgreSQL",
            System::PgBoss => "pg-boss, PostgreSQL",
            System::GraphileWorker => "graphile-worker, PostgreSQL",
        }
    }

    /// Returns the package that has the system; `None` for this server.
    fn package(self) -> Option<&'static str> {
        match self {
            System::AxmeSqlite | System::AxmePostgres => None,
            System::Restate => Some("@restatedev/restate-server"),
            System::Dbos => Some("@dbos-inc/dbos-sdk"),
            System::PgBoss => Some("pg-boss"),
            System::GraphileWorker => Some("graphile-worker"),
        }
    }
}

/// The reports of a system at one number of clients, one for each round.
#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    system: System,
    clients: usize,
    rounds: Vec<Report>,
}

/// The result of a run.
#[derive(Debug, Serialize, Deserialize)]
struct Comparison {
    cores: usize,
    seconds: u64,
    machine: Machine,
    /// The version of Node.js.
    node: String,
    /// The version of each package.
    versions: Vec<(System, String)>,
    measured: Vec<Measured>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.render {
        return render();
    }
    ensure!(options.rounds > 0 && options.seconds > 0, "--rounds and --seconds must be at least 1");
    ensure!(!options.clients.is_empty() && !options.clients.contains(&0), "--clients must be at least 1");
    let url = options.database_url.as_deref();
    let url = url.context("--database-url is missing: tools/postgres.sh start prints one")?;
    let packages = Packages::install()?;
    let runtime = Runtime::new()?;
    let databases = Databases::create(&runtime, url)?;
    let done = compare(options, &runtime, &packages, &databases);
    databases.drop(&runtime)?;
    let comparison = done?;
    print!("{}", section(&comparison));
    if options.record {
        std::fs::write(root().join(KEPT), format!("{}\n", serde_json::to_string_pretty(&comparison)?))?;
        render()?;
    }
    Ok(())
}

fn compare(
    options: &Options,
    runtime: &Runtime,
    packages: &Packages,
    databases: &Databases,
) -> anyhow::Result<Comparison> {
    let folder = tempfile::Builder::new().prefix("peers-").tempdir_in(&packages.folder)?;
    let mut generator = LoadGenerator::start()?;
    let mut drivers = Vec::new();
    for (number, system) in System::ALL.into_iter().enumerate() {
        let place = folder.path().join(number.to_string());
        std::fs::create_dir(&place)?;
        let driver = Driver::start(system, runtime, packages, &databases.url_of(system), &place);
        drivers.push((system, driver.with_context(|| format!("{} does not start", system.name()))?));
    }
    let mut measured: Vec<Measured> = Vec::new();
    for &clients in &options.clients {
        let mut here: Vec<Measured> =
            System::ALL.iter().map(|&system| Measured { system, clients, rounds: Vec::new() }).collect();
        for _ in 0..options.rounds {
            for ((system, driver), each) in drivers.iter_mut().zip(&mut here) {
                let report = driver.measure(&mut generator, clients, Duration::from_secs(options.seconds));
                let report = report.with_context(|| format!("{} failed", system.name()))?;
                eprintln!("{clients:>3} clients, {}: {:.0}/s", system.name(), report.per_second);
                each.rounds.push(report);
            }
        }
        measured.extend(here);
    }
    for (_, driver) in drivers {
        driver.stop(runtime);
    }
    generator.stop()?;
    Ok(Comparison {
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        seconds: options.seconds,
        machine: Machine::this()?,
        node: packages.node.clone(),
        versions: packages.versions()?,
        measured,
    })
}

/// The packages of `bench/peers`, installed below `target`.
struct Packages {
    folder: PathBuf,
    node: String,
}

impl Packages {
    fn install() -> anyhow::Result<Packages> {
        let program = std::env::current_exe()?;
        // Beside the executable, which is on a disk.
        let folder = program.parent().unwrap_or(Path::new(".")).join("peers");
        std::fs::create_dir_all(&folder)?;
        let node =
            Command::new("node").arg("--version").output().context("node is missing: install Node.js and npm")?;
        let lock = "package-lock.json";
        let is_old =
            std::fs::read(folder.join(lock)).ok() != Some(std::fs::read(root().join("bench/peers").join(lock))?);
        for file in FILES {
            std::fs::copy(root().join("bench/peers").join(file), folder.join(file))?;
        }
        if is_old || !folder.join("node_modules").exists() {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
                .current_dir(&folder)
                .stdout(Stdio::null());
            ensure!(npm.status().context("npm is missing: install Node.js and npm")?.success(), "npm ci failed");
        }
        Ok(Packages { folder, node: String::from_utf8_lossy(&node.stdout).trim().to_owned() })
    }

    fn versions(&self) -> anyhow::Result<Vec<(System, String)>> {
        let mut versions = Vec::new();
        for system in System::ALL {
            let Some(package) = system.package() else { continue };
            let file = self.folder.join("node_modules").join(package).join("package.json");
            let about: Value = serde_json::from_slice(&std::fs::read(file)?)?;
            versions.push((system, about["version"].as_str().unwrap_or("unknown").to_owned()));
        }
        Ok(versions)
    }

    /// Starts a script with an open input, and waits until it is ready.
    fn script(&self, arguments: &[&str]) -> anyhow::Result<Script> {
        let mut node = Command::new("node");
        node.args(arguments).current_dir(&self.folder).env("NODE_NO_WARNINGS", "1").env("NODE_ENV", "production");
        // A line for each call would be measured too.
        node.env("RESTATE_LOGGING", "ERROR");
        let mut child = node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdin = child.stdin.take().context("the script has no input")?;
        let lines = BufReader::new(child.stdout.take().context("the script has no output")?).lines();
        let mut script = Script { process: Process(child), stdin, lines };
        while script.line()? != "ready" {}
        Ok(script)
    }
}

/// A process that is ended with this value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A script of `bench/peers` that runs.
struct Script {
    #[expect(dead_code, reason = "ends the process when it is dropped")]
    process: Process,
    stdin: ChildStdin,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Script {
    fn line(&mut self) -> anyhow::Result<String> {
        Ok(self.lines.next().context("the script ended")??)
    }
}

/// A system that runs.
enum Driver {
    Axme { server: Running, workload: Workload },
    Restate { _server: Process, _handler: Script, ingress: SocketAddr },
    Jobs(Script),
}

impl Driver {
    fn start(
        system: System,
        runtime: &Runtime,
        packages: &Packages,
        url: &str,
        place: &Path,
    ) -> anyhow::Result<Driver> {
        let axme = |url: Option<&str>| -> anyhow::Result<Driver> {
            let server = runtime.block_on(axme_server::start(settings(place.join("data"), url)))?;
            let accounts = runtime.block_on(provision(server.addr(), &admin_key(server.data())?))?;
            Ok(Driver::Axme { workload: Workload::Lifecycle { accounts, per_second: None }, server })
        };
        match system {
            System::AxmeSqlite => axme(None),
            System::AxmePostgres => axme(Some(url)),
            System::Restate => restate(runtime, packages, place),
            System::Dbos => Ok(Driver::Jobs(packages.script(&["jobs.mjs", "dbos", url])?)),
            System::PgBoss => Ok(Driver::Jobs(packages.script(&["jobs.mjs", "pg-boss", url])?)),
            System::GraphileWorker => Ok(Driver::Jobs(packages.script(&["jobs.mjs", "graphile-worker", url])?)),
        }
    }

    fn measure(&mut self, generator: &mut LoadGenerator, clients: usize, measured: Duration) -> anyhow::Result<Report> {
        let warm_up = measured / 4;
        match self {
            Driver::Axme { server, workload } => {
                let Workload::Lifecycle { accounts, .. } = workload else { bail!("not a lifecycle") };
                let workload = Workload::Lifecycle { accounts: accounts.clone(), per_second: None };
                generator.run_phase(&Phase { address: server.addr(), clients, warm_up, measured, workload })
            }
            Driver::Restate { ingress, .. } => {
                let posts = PostLoad {
                    path: "/bench/run".to_owned(),
                    keys: vec!["none".to_owned()],
                    body: super::body(),
                    idempotency_keys: IdempotencyKeys::None,
                };
                let workload = Workload::Post(posts);
                generator.run_phase(&Phase { address: *ingress, clients, warm_up, measured, workload })
            }
            Driver::Jobs(script) => {
                let phase = json!({
                    "clients": clients, "warm_up_ms": warm_up.as_millis() as u64, "measured_ms": measured.as_millis() as u64,
                });
                writeln!(script.stdin, "{phase}")?;
                Ok(serde_json::from_str(&script.line()?)?)
            }
        }
    }

    fn stop(self, runtime: &Runtime) {
        if let Driver::Axme { server, .. } = self {
            runtime.block_on(server.stop());
        }
    }
}

/// Starts Restate with its defaults, and the handler that it calls.
fn restate(runtime: &Runtime, packages: &Packages, place: &Path) -> anyhow::Result<Driver> {
    let [ingress, admin, node, handler] = [free_address()?, free_address()?, free_address()?, free_address()?];
    let mut command = Command::new(packages.folder.join(RESTATE));
    command.args(["--node-name", "bench", "--base-dir"]).arg(place.join("data"));
    command.env("RESTATE_DISABLE_TELEMETRY", "true").env("RESTATE_INGRESS__BIND_ADDRESS", ingress.to_string());
    command.env("RESTATE_ADMIN__BIND_ADDRESS", admin.to_string()).env("RESTATE_BIND_ADDRESS", node.to_string());
    let server = Process(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    let script = packages.script(&["restate.mjs", &handler.port().to_string()])?;
    let deployment = json!({ "uri": format!("http://{handler}/") }).to_string();
    // The server is complete when it knows the handler and a call goes through.
    let registration = format!(
        "POST /deployments HTTP/1.1\r\nhost: bench\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{deployment}",
        deployment.len()
    );
    runtime.block_on(async {
        for _ in 0..MAX_LOOKS {
            tokio::time::sleep(LOOK_AGAIN).await;
            let Ok(mut connection) = Connection::open(admin).await else { continue };
            // It answers 201, which this client does not take; the call below says whether the handler is known.
            let _ = connection.exchange(registration.as_bytes()).await;
            let Ok(mut connection) = Connection::open(ingress).await else { continue };
            if connection.exchange(&connection::post("/bench/run", "none", "", "{}")).await.is_ok() {
                return Ok(());
            }
        }
        bail!("it takes no calls")
    })?;
    Ok(Driver::Restate { _server: server, _handler: script, ingress })
}

/// Returns an address of this machine with a port that is free at the moment.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// A database for each system that works on PostgreSQL. They are dropped at the end of the run.
struct Databases {
    base: String,
    prefix: String,
}

impl Databases {
    fn create(runtime: &Runtime, base: &str) -> anyhow::Result<Databases> {
        let databases = Databases { base: base.to_owned(), prefix: format!("peers_{}", std::process::id()) };
        for number in 0..System::ALL.len() {
            runtime.block_on(batch(base, &format!("CREATE DATABASE {}_{number}", databases.prefix)))?;
        }
        Ok(databases)
    }

    fn url_of(&self, system: System) -> String {
        let number = System::ALL.iter().position(|known| *known == system).unwrap_or_default();
        let (server, options) = self.base.split_once('?').unwrap_or((&self.base, ""));
        let server = server.rsplit_once('/').map_or(server, |(server, _)| server);
        let options = if options.is_empty() { String::new() } else { format!("?{options}") };
        format!("{server}/{}_{number}{options}", self.prefix)
    }

    fn drop(&self, runtime: &Runtime) -> anyhow::Result<()> {
        for number in 0..System::ALL.len() {
            let sql = format!("DROP DATABASE {}_{number} WITH (FORCE)", self.prefix);
            runtime.block_on(batch(&self.base, &sql))?;
        }
        Ok(())
    }
}

/// Renders a result for the page.
fn section(comparison: &Comparison) -> String {
    let rounds = comparison.measured.first().map_or(0, |measured| measured.rounds.len());
    let versions: Vec<String> = comparison
        .versions
        .iter()
        .map(|(system, version)| format!("{} {version}", system.name().split(',').next().unwrap_or_default()))
        .collect();
    let mut text = format!(
        "\nMedians of {rounds} rounds of {} s. {} Node.js {}; {}.\n\n\
         | clients | system | done per second | of AXME on PostgreSQL | p50 ms | p99 ms |\n|--:|---|--:|--:|--:|--:|\n",
        comparison.seconds,
        comparison.machine.sentence(comparison.cores),
        comparison.node.trim_start_matches('v'),
        versions.join(", "),
    );
    for measured in &comparison.measured {
        let of = |pick: fn(&Report) -> f64| median(&mut measured.rounds.iter().map(pick).collect::<Vec<_>>());
        let own = comparison
            .measured
            .iter()
            .find(|other| other.system == System::AxmePostgres && other.clients == measured.clients);
        let ratio = own.map_or(f64::NAN, |own| {
            let pairs = measured.rounds.iter().zip(&own.rounds);
            median(&mut pairs.map(|(one, own)| one.per_second / own.per_second).collect::<Vec<_>>())
        });
        text += &format!(
            "| {} | {} | {:.0} | {ratio:.2} | {:.1} | {:.1} |\n",
            measured.clients,
            measured.system.name(),
            of(|report| report.per_second),
            of(|report| report.whole.p50),
            of(|report| report.whole.p99),
        );
    }
    text + "\n"
}

fn render() -> anyhow::Result<()> {
    let page = root().join(PAGE);
    let text = between(&std::fs::read_to_string(&page)?, PAGE, "peers", &kept_section()?)?;
    Ok(std::fs::write(page, text)?)
}

/// Renders the kept result; a sentence without one.
fn kept_section() -> anyhow::Result<String> {
    let file = root().join(KEPT);
    if !file.exists() {
        return Ok("\nNo result of this command is kept yet: it needs a quiet machine.\n\n".to_owned());
    }
    Ok(section(&serde_json::from_str(&std::fs::read_to_string(file)?).context(KEPT)?))
}

#[cfg(test)]
mod tests {
    use super::super::protocol::Percentiles;
    use super::*;

    #[test]
    fn the_page_shows_the_kept_result() {
        let page = std::fs::read_to_string(root().join(PAGE)).unwrap();
        let shown = between(&page, PAGE, "peers", &kept_section().unwrap()).unwrap();
        assert_eq!(page, shown, "run `cargo xtask peers --render`");
    }

    #[test]
    fn a_ratio_is_the_median_of_the_ratios_within_the_rounds() {
        let report = |per_second: f64| Report {
            per_second,
            whole: Percentiles { p50: 1.0, p99: 2.0, p999: 3.0 },
            to_agent: None,
        };
        let rounds = |rates: [f64; 3]| rates.into_iter().map(report).collect();
        let comparison = Comparison {
            cores: 2,
            seconds: 3,
            machine: Machine::this().unwrap(),
            node: "v20.0.0".to_owned(),
            versions: vec![(System::PgBoss, "10.4.2".to_owned())],
            measured: vec![
                Measured { system: System::AxmePostgres, clients: 4, rounds: rounds([100.0, 200.0, 400.0]) },
                Measured { system: System::PgBoss, clients: 4, rounds: rounds([50.0, 50.0, 50.0]) },
            ],
        };
        let text = section(&comparison);
        assert!(
            text.contains("Medians of 3 rounds of 3 s.") && text.contains("Node.js 20.0.0; pg-boss 10.4.2."),
            "{text}"
        );
        assert!(text.contains("| 4 | AXME, PostgreSQL | 200 | 1.00 | 1.0 | 2.0 |"), "{text}");
        assert!(text.contains("| 4 | pg-boss, PostgreSQL | 50 | 0.25 | 1.0 | 2.0 |"), "{text}");
    }

    #[test]
    fn each_system_has_a_database_of_its_own_on_the_server_of_the_url() {
        let databases = Databases { base: "postgres://u@h:1/postgres?a=b".to_owned(), prefix: "peers_7".to_owned() };
        assert_eq!(databases.url_of(System::AxmePostgres), "postgres://u@h:1/peers_7_1?a=b");
        assert_eq!(databases.url_of(System::Dbos), "postgres://u@h:1/peers_7_3?a=b");
    }
}
