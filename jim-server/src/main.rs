//! The Jim server.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jim_core::model::user::UserState;
use jim_core::secret::Secret;
use jim_server::config::{BadConfig, Config};
use jim_server::{admin, movement, openapi, serve, telemetry, verify, wire};
use tikv_jemallocator::Jemalloc;

/// Measured against the system's and others: docs/adr/0005.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// An instant-messaging backend.
#[derive(Parser)]
#[command(name = "jim", version)]
struct Cli {
    /// Configuration file, TOML; without it ./jim.toml is read if there is one.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until told to stop (the default).
    Serve,
    /// Bring the store to this version, and end.
    Migrate,
    /// Look over the whole store: is every log without a hole, is nothing owed, does every reference lead somewhere.
    /// The server may be running. Ends with 0 if all is well, 1 if something was found, 2 if the store cannot be opened.
    Verify,
    /// Carry the whole store into an empty one, and compare both. Nobody may be served from it meanwhile. Stopped at any
    /// moment, the same command goes on.
    Move {
        /// Where to: `mysql://…`, or `sqlite:` and the path of a data folder; without it only the room logs are carried.
        /// What holds a password is better given as `JIM_MOVE_TO`, which others on the machine do not see.
        #[arg(
            long,
            value_name = "URL",
            env = "JIM_MOVE_TO",
            hide_env_values = true,
            required_unless_present_any = ["to_rooms", "give_up"]
        )]
        to: Option<String>,
        /// Where the room logs go, `mongodb://…`; without it they go with the rest.
        #[arg(long, value_name = "URL", env = "JIM_MOVE_TO_ROOMS", hide_env_values = true)]
        to_rooms: Option<String>,
        /// Forget a move away from here that was begun, so that this store can be served as it is.
        #[arg(long, conflicts_with_all = ["to", "to_rooms"])]
        give_up: bool,
    },
    /// Print the `OpenAPI` document.
    Openapi,
    /// Administrators, and what they did. The server may be running.
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Print the configuration as it takes effect, without its secrets.
    Config,
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Make one; the password is the first line of the standard input.
    Create {
        /// The name to log in with.
        #[arg(long)]
        username: String,
    },
    /// Print every administrator: id, state and user name.
    List,
    /// Switch anybody's account off: it cannot log in, its sessions end and its sockets are closed.
    Disable {
        /// The name to log in with.
        #[arg(long)]
        username: String,
    },
    /// Switch an account on again.
    Enable {
        /// The name to log in with.
        #[arg(long)]
        username: String,
    },
    /// Print what administrators did, newest first.
    Audit {
        /// All of it, an object of JSON on each line.
        #[arg(long)]
        export: bool,
    },
}

fn main() -> ExitCode {
    // TLS to databases and buses; a library installs nothing global, so the program does. It fails when it is done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ended = run(&Cli::parse());
    telemetry::flush();
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("jim: {error}");
            let configuration = error.is::<BadConfig>()
                || error.downcast_ref::<wire::NotReady>().is_some_and(wire::NotReady::is_configuration);
            ExitCode::from(if configuration { 2 } else { 1 })
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(Command::Openapi) = cli.command {
        print(openapi::document()?);
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(cli.config.as_deref())?;
    if let Some(Command::Config) = cli.command {
        print(&toml::to_string_pretty(&config)?);
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // These say what they have to say in words.
    match &cli.command {
        Some(Command::Verify) => return Ok(runtime.block_on(verify::verify(&config))),
        Some(Command::Move { give_up: true, .. }) => return runtime.block_on(movement::give_up(&config)),
        Some(Command::Move { to, to_rooms, .. }) => {
            return runtime.block_on(movement::carry(&config, to.as_deref(), to_rooms.as_deref()));
        }
        Some(Command::Admin { command }) => {
            runtime.block_on(administer(&config, command))?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => telemetry::init(&config.log.level)?,
    }
    match cli.command {
        Some(Command::Migrate) => runtime.block_on(wire::migrate(&config))?,
        _ => runtime.block_on(serve::serve(config))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn administer(config: &Config, command: &AdminCommand) -> Result<(), Box<dyn Error>> {
    match command {
        AdminCommand::Create { username } => {
            let mut password = String::new();
            std::io::stdin().read_line(&mut password)?;
            let password = Secret::new(password.trim_end_matches(['\r', '\n']).to_owned());
            let user = admin::create(config, username, password).await?;
            print(&format!("{} is an administrator now, with the id {}", user.username, user.id));
        }
        AdminCommand::List => print(&admin::list(config).await?),
        AdminCommand::Disable { username } => {
            let user = admin::set_state(config, username, UserState::Disabled).await?;
            print(&format!("{} is disabled, with the id {}", user.username, user.id));
        }
        AdminCommand::Enable { username } => {
            let user = admin::set_state(config, username, UserState::Active).await?;
            print(&format!("{} is enabled, with the id {}", user.username, user.id));
        }
        AdminCommand::Audit { export } => admin::audit(config, *export, print).await?,
    }
    Ok(())
}

/// A reader that has seen enough, such as `head`, is no error.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}
