//! `cargo xtask bench`: measures the server next to two floors, in the same run on the same machine.
//!
//! The server and the floors run in this process, the load generator in another. Measures take turns in each round, and
//! the table shows the median of the rounds. The speed of a machine changes by the minute, but ratios within a round do
//! not. `bench/README.md` says how to read the table.

mod chart;
mod connection;
mod cpu_usage;
mod database_probe;
mod floors;
pub(crate) mod idle;
mod lifecycles;
pub(crate) mod load;
pub(crate) mod peers;
mod protocol;
mod record;
mod schedule;
mod situations;
pub(crate) mod soak;
mod table;
pub(crate) mod waiting;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use axme_server::{Bootstrap, Config};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use connection::Connection;
use cpu_usage::CpuTicks;
use protocol::{Accounts, IdempotencyKeys, Phase, PostLoad, Report, Workload};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many clients run at a time, each with its own connection
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    clients: Vec<usize>,
    /// Seconds per measure and round, after a warm-up of a quarter of that time
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Repeat a measure, up to this many tries, if other processes used more than a tenth of the cores
    #[arg(long, default_value_t = 20)]
    patience: usize,
    /// Take only these measures (for a profiler)
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Measure>,
    /// Measure on this PostgreSQL, in a schema that is dropped at the end. Default: SQLite
    #[arg(long)]
    database_url: Option<String>,
    /// Write connections to PostgreSQL. Default: the server's own
    #[arg(long)]
    writers: Option<usize>,
    /// Instead, compare a server with this many waiting intents with an empty one
    #[arg(long, value_name = "N")]
    waiting: Option<usize>,
    /// Instead, run each of the situations that the measures leave out: approvals, many streams, timers and more
    #[arg(long)]
    situations: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Keep the result in bench/results, and write it into docs/performance.md with its pictures
    #[arg(long, conflicts_with_all = ["only", "waiting", "situations"])]
    record: bool,
    /// Instead, write the kept results into docs/performance.md again
    #[arg(long)]
    render: bool,
}

/// The measures, in the order of each round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measure {
    /// Floor A: the HTTP server returns a constant
    Http,
    /// Floor B: the same, but commits one row, in groups
    Row,
    Create,
    /// Creates, each with an Idempotency-Key
    CreateKeyed,
    Lifecycle,
    /// Heartbeats with metrics, of a thousand agents in turn
    Heartbeat,
}

impl Measure {
    const ALL: [Measure; 6] =
        [Measure::Http, Measure::Row, Measure::Create, Measure::CreateKeyed, Measure::Lifecycle, Measure::Heartbeat];
}

/// One measure at one number of clients.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) clients: usize,
    pub(crate) measure: Measure,
    pub(crate) rounds: Vec<Round>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Round {
    #[serde(flatten)]
    pub(crate) report: Report,
    /// The share of the cores that other processes used. Not measured on PostgreSQL, whose server is another process.
    pub(crate) others: Option<f64>,
    /// The cost of one operation, warm-up included.
    pub(crate) cost: Option<Cost>,
}

/// The resources that one operation took from the server's process.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) cpu_micros: f64,
    /// Bytes written to the disk: the log and the database on SQLite, nothing on PostgreSQL.
    pub(crate) disk_bytes: f64,
}

/// The loads of the picture of latencies, as shares of the most lifecycles per second.
const LOAD_SHARES: [f64; 6] = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9];
/// The clients that fill a new PostgreSQL before its statistics are taken.
const WARM_UP_CLIENTS: usize = 16;
/// A measure is repeated if other processes used more than this share of the cores.
const MAX_FOREIGN_LOAD: f64 = 0.1;
/// Before each try the CPU usage is sampled, until the machine is quiet or up to this many times.
const SAMPLE: Duration = Duration::from_millis(500);
const MAX_SAMPLES: usize = 60;

/// Lifecycles at a fixed rate. Times count from when each is due.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LoadPoint {
    pub(crate) per_second: f64,
    pub(crate) rounds: Vec<Round>,
}

/// The results of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    /// `sqlite` or `postgresql`.
    pub(crate) engine: String,
    pub(crate) cores: usize,
    pub(crate) seconds: u64,
    pub(crate) idle: Option<idle::Idle>,
    pub(crate) series: Vec<Series>,
    /// Only of a run that is recorded.
    #[serde(default)]
    pub(crate) loads: Vec<LoadPoint>,
    #[serde(default)]
    pub(crate) machine: Option<record::Machine>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    ensure!(options.rounds > 0 && options.seconds > 0, "--rounds and --seconds must be at least 1");
    ensure!(!options.clients.contains(&0), "--clients must be at least 1");
    if options.render {
        return record::render();
    }
    // Next to the executable, which is on a disk. A temporary folder may be in memory, where every commit is free.
    let program = std::env::current_exe()?;
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(program.parent().unwrap_or(Path::new(".")))?;
    if let Some(waiting) = options.waiting {
        let url = options.database_url.as_deref();
        return waiting::run(folder.path(), url, waiting, options.rounds, options.seconds);
    }
    if options.situations {
        let runtime = Runtime::new()?;
        let schema = options.database_url.as_deref().map(|url| runtime.block_on(Schema::create(url))).transpose()?;
        let done = situations::run(folder.path(), schema.as_ref().map(|schema| schema.url.as_str()), options.seconds);
        return match schema {
            Some(schema) => runtime.block_on(schema.drop()).and(done),
            None => done,
        };
    }
    let runtime = Runtime::new()?;
    let schema = options.database_url.as_deref().map(|url| runtime.block_on(Schema::create(url))).transpose()?;
    let results = measure(options, &runtime, folder.path(), schema.as_ref().map(|schema| schema.url.as_str()));
    if let Some(schema) = schema {
        runtime.block_on(schema.drop())?;
    }
    let results = results?;
    if options.record {
        record::keep(&results)?;
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        print!("{}", table::render(&results));
    }
    Ok(())
}

fn measure(options: &Options, runtime: &Runtime, folder: &Path, url: Option<&str>) -> anyhow::Result<Results> {
    let idle = if url.is_none() && options.only.is_empty() { Some(idle::measure(folder)?) } else { None };
    let mut config = settings(folder.join("data"), url);
    config.limits.postgres_writers = options.writers.unwrap_or(config.limits.postgres_writers);
    let writers = config.limits.postgres_writers;
    let server = runtime.block_on(axme_server::start(config))?;
    let wanted = |measure: &Measure| options.only.is_empty() || options.only.contains(measure);
    let measures: Vec<Measure> = Measure::ALL.into_iter().filter(wanted).collect();
    let targets = Targets {
        server: server.addr(),
        http: runtime.block_on(floors::http())?,
        row: match url {
            None => runtime.block_on(floors::row_on_sqlite(&folder.join("floor.db")))?,
            Some(url) => runtime.block_on(floors::row_on_postgres(url, writers))?,
        },
        accounts: runtime.block_on(provision(server.addr(), &admin_key(server.data())?))?,
        heartbeat_keys: if measures.contains(&Measure::Heartbeat) {
            runtime.block_on(register_heartbeat_agents(server.addr(), &admin_key(server.data())?))?
        } else {
            Vec::new()
        },
    };
    let mut generator = LoadGenerator::start()?;
    if let Some(url) = url {
        // In its first minute a database has no statistics, and plans differ from run to run.
        generator.run_phase(&targets.phase(Measure::Create, WARM_UP_CLIENTS, 0, 1))?;
        runtime.block_on(batch(url, "ANALYZE"))?;
    }
    let mut series = Vec::new();
    for &clients in &options.clients {
        let mut here: Vec<Series> =
            measures.iter().map(|&measure| Series { clients, measure, rounds: Vec::new() }).collect();
        for round in 1..=options.rounds {
            for each in &mut here {
                let phase = targets.phase(each.measure, clients, round, options.seconds);
                let round = generator.measure(&phase, url.is_none(), options.patience)?;
                eprintln!("{clients:>3} clients, {:?}: {:.0}/s", each.measure, round.report.per_second);
                each.rounds.push(round);
            }
        }
        series.extend(here);
    }
    let loads = match options.record {
        true => measure_loads(options, &mut generator, &targets, &series, url.is_none())?,
        false => Vec::new(),
    };
    generator.stop()?;
    runtime.block_on(server.stop());
    Ok(Results {
        engine: if url.is_some() { "postgresql" } else { "sqlite" }.to_owned(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        seconds: options.seconds,
        idle,
        series,
        loads,
        machine: if options.record { Some(record::Machine::this()?) } else { None },
    })
}

/// Measures lifecycles at fixed rates, which are shares of the most that the server has reached.
fn measure_loads(
    options: &Options,
    generator: &mut LoadGenerator,
    targets: &Targets,
    series: &[Series],
    is_alone: bool,
) -> anyhow::Result<Vec<LoadPoint>> {
    let lifecycles = series.iter().filter(|one| one.measure == Measure::Lifecycle);
    let rates = lifecycles.map(|one| median(&mut one.rounds.iter().map(|r| r.report.per_second).collect::<Vec<_>>()));
    let (most, clients) = (rates.fold(0.0, f64::max), options.clients.iter().copied().max().unwrap_or(1));
    let mut loads: Vec<LoadPoint> =
        LOAD_SHARES.iter().map(|share| LoadPoint { per_second: (most * share).round(), rounds: Vec::new() }).collect();
    for round in 1..=options.rounds {
        for load in &mut loads {
            let mut phase = targets.phase(Measure::Lifecycle, clients, round, options.seconds);
            if let Workload::Lifecycle { per_second, .. } = &mut phase.workload {
                *per_second = Some(load.per_second);
            }
            load.rounds.push(generator.measure(&phase, is_alone, options.patience)?);
        }
    }
    Ok(loads)
}

/// Returns default settings, apart from the port, the folder and the database.
pub(crate) fn settings(data: PathBuf, database_url: Option<&str>) -> Config {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Config { listen, data, database_url: database_url.map(str::to_owned), ..Config::default() }
}

/// The address of each measure.
struct Targets {
    server: SocketAddr,
    http: SocketAddr,
    row: SocketAddr,
    accounts: Accounts,
    /// The API keys of the agents that send heartbeats.
    heartbeat_keys: Vec<String>,
}

impl Targets {
    fn phase(&self, measure: Measure, clients: usize, round: usize, seconds: u64) -> Phase {
        let posts = |idempotency_keys| {
            let keys = vec![self.accounts.sender_key.clone()];
            Workload::Post(PostLoad { path: "/v1/intents".to_owned(), keys, body: body(), idempotency_keys })
        };
        let (address, workload) = match measure {
            Measure::Http => (self.http, posts(IdempotencyKeys::None)),
            Measure::Row => (self.row, posts(IdempotencyKeys::None)),
            Measure::Create => (self.server, posts(IdempotencyKeys::None)),
            Measure::CreateKeyed => (self.server, posts(IdempotencyKeys::Unique(format!("bench-{clients}-{round}")))),
            Measure::Lifecycle => {
                (self.server, Workload::Lifecycle { accounts: self.accounts.clone(), per_second: None })
            }
            Measure::Heartbeat => {
                let (path, keys) = ("/v1/mesh/heartbeat".to_owned(), self.heartbeat_keys.clone());
                (
                    self.server,
                    Workload::Post(PostLoad { path, keys, body: heartbeat(), idempotency_keys: IdempotencyKeys::None }),
                )
            }
        };
        let measured = Duration::from_secs(seconds);
        Phase { address, clients, warm_up: measured / 4, measured, workload }
    }
}

/// Returns the body of every POST. Its receiver is not registered, so that only the create happens.
fn body() -> String {
    json!({
        "intent_type": "intent.bench.v1",
        "to_agent": "agent://local/default/nobody",
        "payload": { "order": "A-20417", "customer": "Blue Harbour Ltd", "amount_cents": 184_950, "currency": "EUR",
            "question": "Is the order of 12 March ready to be shipped?" },
    })
    .to_string()
}

/// Returns the body of a heartbeat.
fn heartbeat() -> String {
    json!({ "metrics": { "intents_total": 3, "intents_succeeded": 2, "intents_failed": 1, "avg_latency_ms": 41.5, "cost_usd": 0.01 } })
        .to_string()
}

/// The number of agents that send heartbeats.
const HEARTBEAT_AGENTS: usize = 1_000;

/// Registers agents.
struct Registry {
    connection: Connection,
    admin_key: String,
}

impl Registry {
    async fn open(address: SocketAddr, admin_key: &str) -> anyhow::Result<Registry> {
        Ok(Registry { connection: Connection::open(address).await?, admin_key: admin_key.to_owned() })
    }

    /// Registers an agent, and returns its address and a key.
    async fn register(&mut self, name: &str) -> anyhow::Result<(String, String)> {
        let text = |answer: &Value, field: &str| {
            answer[field].as_str().map(str::to_owned).with_context(|| format!("{field} is missing in {answer}"))
        };
        let account = self.call("/v1/service-accounts", json!({ "name": name })).await?;
        let id = text(&account, "service_account_id")?;
        let key = self.call(&format!("/v1/service-accounts/{id}/keys"), json!({})).await?;
        Ok((text(&account, "address")?, text(&key, "api_key")?))
    }

    async fn call(&mut self, path: &str, input: Value) -> anyhow::Result<Value> {
        let request = connection::post(path, &self.admin_key, "", &input.to_string());
        Ok(serde_json::from_slice(&self.connection.exchange(&request).await?)?)
    }
}

/// Returns the key of the administrator, as the first start wrote it to the data folder.
fn admin_key(data: &Path) -> anyhow::Result<String> {
    let bootstrap: Bootstrap = serde_json::from_slice(&std::fs::read(data.join("bootstrap.json"))?)?;
    Ok(bootstrap.api_key)
}

/// Registers the sender and the agent.
async fn provision(address: SocketAddr, admin_key: &str) -> anyhow::Result<Accounts> {
    let mut registry = Registry::open(address, admin_key).await?;
    let (_, sender_key) = registry.register("bench-sender").await?;
    let (agent, agent_key) = registry.register("bench-agent").await?;
    Ok(Accounts { sender_key, agent_key, agent })
}

/// Registers many agents, and returns their keys.
async fn register_heartbeat_agents(address: SocketAddr, admin_key: &str) -> anyhow::Result<Vec<String>> {
    let mut registry = Registry::open(address, admin_key).await?;
    let mut keys = Vec::with_capacity(HEARTBEAT_AGENTS);
    for n in 0..HEARTBEAT_AGENTS {
        keys.push(registry.register(&format!("bench-crowd-{n}")).await?.1);
    }
    Ok(keys)
}

/// The load generator, in its own process.
struct LoadGenerator {
    child: Child,
    stdin: ChildStdin,
    reports: std::io::Lines<BufReader<ChildStdout>>,
}

impl LoadGenerator {
    fn start() -> anyhow::Result<LoadGenerator> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.arg("bench-load").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().context("the load generator has no input")?;
        let reports = BufReader::new(child.stdout.take().context("the load generator has no output")?).lines();
        Ok(LoadGenerator { child, stdin, reports })
    }

    /// Runs a phase once the machine is quiet, and repeats it if other processes were busy meanwhile.
    fn measure(&mut self, phase: &Phase, alone: bool, patience: usize) -> anyhow::Result<Round> {
        let ours = [std::process::id(), self.child.id()];
        let ticks = || if alone { CpuTicks::now(&ours) } else { None };
        let share =
            |before: Option<CpuTicks>| ticks().zip(before).map(|(after, before)| after.by_others_since(&before));
        let is_busy = |share: Option<f64>| share.is_some_and(|share| share > MAX_FOREIGN_LOAD);
        let mut tries = 0;
        loop {
            for _ in 0..MAX_SAMPLES {
                let before = ticks();
                std::thread::sleep(SAMPLE);
                if !is_busy(share(before)) {
                    break;
                }
            }
            let (before, usage) = (ticks(), cpu_usage::Usage::now());
            let report = self.run_phase(phase)?;
            let (others, used) = (share(before), cpu_usage::Usage::now());
            let operations = report.per_second * (phase.warm_up + phase.measured).as_secs_f64();
            let cost = used.zip(usage).map(|(used, before)| used.since(&before, operations));
            tries += 1;
            if tries >= patience || !is_busy(others) {
                return Ok(Round { report, others, cost });
            }
        }
    }

    fn run_phase(&mut self, phase: &Phase) -> anyhow::Result<Report> {
        writeln!(self.stdin, "{}", serde_json::to_string(phase)?)?;
        let report = self.reports.next().context("the load generator ended")??;
        Ok(serde_json::from_str(&report)?)
    }

    fn stop(mut self) -> anyhow::Result<()> {
        drop(self.stdin);
        self.child.wait()?;
        Ok(())
    }
}

/// A private schema on a PostgreSQL, dropped at the end of the run.
struct Schema {
    base: String,
    name: String,
    /// The URL that selects the schema.
    url: String,
}

impl Schema {
    async fn create(base: &str) -> anyhow::Result<Schema> {
        let name = format!("bench_{}", std::process::id());
        batch(base, &format!("CREATE SCHEMA {name}")).await?;
        let joint = if base.contains('?') { '&' } else { '?' };
        Ok(Schema { base: base.to_owned(), url: format!("{base}{joint}options=-csearch_path%3D{name}"), name })
    }

    async fn drop(self) -> anyhow::Result<()> {
        batch(&self.base, &format!("DROP SCHEMA {} CASCADE", self.name)).await
    }
}

async fn batch(url: &str, sql: &str) -> anyhow::Result<()> {
    let (client, driver) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    let driver = tokio::spawn(driver);
    client.batch_execute(sql).await?;
    drop(client);
    Ok(driver.await??)
}

fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn now() -> Instant {
    Instant::now()
}
