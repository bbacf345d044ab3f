//! The bars of `docs/src/performance.md`, each beside its control and in the same run.
//!
//! This process drives load and receives; the server under test, its databases and the controls are processes of their
//! own.

mod bars;
mod cluster;
mod controls;
mod counting;
mod crowd;
mod engine;
mod flow;
mod frames;
mod http;
mod jim;
mod load;
mod pace;
mod process;
mod report;
mod sockets;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use bars::Plan;
use cluster::Logs;
use controls::Control;
use jim::Seed;
use process::Machine;
use report::Report;
use tikv_jemallocator::Jemalloc;

/// The controls have the allocator of the server.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Whatever goes wrong ends the run, with words.
type Res<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures Jim against controls on this machine and prints a markdown table.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// What the server runs on.
    #[arg(long, value_enum, default_value_t = Profile::Embedded)]
    profile: Profile,
    /// Where the cluster profile has its room logs: one after the other.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Logs::Mysql, Logs::Mongo], value_name = "WHERE")]
    logs: Vec<Logs>,
    /// The server under test; by default the `jim` beside this program.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Where databases are made, so on which disk; by default beside this program.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How long one round lasts.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often subject and control take turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// One round of a second each: shows that everything runs, and no more.
    #[arg(long)]
    quick: bool,
    /// Only some of the bars.
    #[arg(long, value_delimiter = ',', value_name = "PART")]
    only: Vec<Part>,
    /// Writes the table into a file, too.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves as a control.
    #[command(hide = true)]
    Control {
        kind: Control,
        /// The folder of its database.
        #[arg(long)]
        data: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// One node on SQLite.
    Embedded,
    /// Two nodes on MariaDB, what speaks MongoDB's protocol, and Redis; `scripts/services` starts them.
    Cluster,
}

impl Profile {
    fn parts(self) -> &'static [Part] {
        use Part::{Bus, Doors, Fanout, Groups, History, Logins, Memory, Reach, Sends, Stalled, Start, Trips};
        match self {
            Profile::Embedded => &[Start, Doors, Logins, Sends, Groups, Fanout, Reach, Stalled, Memory, History],
            Profile::Cluster => &[Trips, Bus, Groups, Sends],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// B1 to B4 and B6; on a cluster B21.
    Sends,
    /// B7, on a cluster.
    Trips,
    /// B8 and B10, on a cluster.
    Bus,
    /// B9.
    Groups,
    /// How long failed log-ins take.
    Doors,
    /// B16.
    Logins,
    /// B11, B12 and B14.
    Fanout,
    /// B13.
    Memory,
    /// B15.
    Reach,
    /// B17.
    Stalled,
    /// B19.
    Start,
    /// B20.
    History,
}

/// A count as what one calculates with.
#[expect(clippy::cast_precision_loss, reason = "no count of a run comes near 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

#[tokio::main]
async fn main() -> Res<()> {
    let options = Options::parse();
    process::raise_file_limit()?;
    match options.command {
        Some(Command::Control { kind, data }) => controls::serve(kind, data).await,
        None => measure(options).await,
    }
}

async fn measure(options: Options) -> Res<()> {
    let beside = std::env::current_exe()?.parent().ok_or("this program has no folder")?.to_owned();
    let binary = options.server.unwrap_or_else(|| beside.join("jim"));
    if !binary.is_file() {
        return Err(
            "there is no server to measure: build it with `cargo build --release`, or name it with --server".into()
        );
    }
    // MariaDB enters it as another user.
    let enterable = Permissions::from_mode(0o755);
    let folder = tempfile::Builder::new().permissions(enterable).tempdir_in(options.data.unwrap_or(beside))?;
    let plan = Plan {
        binary: binary.canonicalize()?,
        folder: folder.path().canonicalize()?,
        round: Duration::from_secs(if options.quick { 1 } else { options.seconds.max(1) }),
        warm_up: Duration::from_secs(1),
        rounds: if options.quick { 1 } else { options.rounds.max(1) },
    };
    let known = options.profile.parts();
    let parts = if options.only.is_empty() { known.to_vec() } else { options.only };
    if let Some(part) = parts.iter().find(|part| !known.contains(part)) {
        return Err(format!("{part:?} is no part of the profile {:?}", options.profile).into());
    }
    let machine = Machine::now()?;
    let mut report = Report::default();
    let mut file_limit = 0;
    match options.profile {
        Profile::Embedded => file_limit = embedded(&plan, &parts, &mut report).await?,
        Profile::Cluster => {
            for logs in options.logs {
                file_limit = bars::cluster::measure(&plan, logs, &parts, &mut report).await?;
            }
        }
    }
    report.note(process::describe(&plan, file_limit, &machine)?);
    let text = report.markdown();
    println!("\n{text}");
    if let Some(file) = options.markdown {
        std::fs::write(file, text)?;
    }
    if report.is_whole() { Ok(()) } else { Err("not everything could be measured".into()) }
}

/// Measures some parts of a server on SQLite. Returns how many files it may have open.
async fn embedded(plan: &Plan, parts: &[Part], report: &mut Report) -> Res<u64> {
    let seed = Seed::plant(plan).await?;
    for part in parts {
        let measured = match part {
            Part::Start => bars::start::measure(plan, report).await,
            Part::Doors => bars::doors::measure(plan, report).await,
            Part::Logins => bars::logins::measure(plan, &seed, report).await,
            Part::Sends => bars::sends::measure(plan, &seed, report).await,
            Part::Groups => bars::groups::measure(plan, &seed, report).await,
            Part::Fanout => bars::fanout::measure(plan, &seed, report).await,
            Part::Reach => bars::reach::measure(plan, &seed, report).await,
            Part::Stalled => bars::stalled::measure(plan, &seed, report).await,
            Part::Memory => bars::memory::measure(plan, &seed, report).await,
            Part::History => bars::history::measure(plan, &seed, report).await,
            Part::Trips | Part::Bus => Err("is no part of this profile".into()),
        };
        // The other parts are still worth their minutes.
        if let Err(error) = measured {
            report.failure(part, &*error);
        }
    }
    Ok(seed.file_limit)
}
