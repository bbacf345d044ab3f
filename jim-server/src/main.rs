//! The Jim server.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jim_core::secret::Secret;
use jim_server::config::{BadConfig, Config};
use jim_server::{admin, openapi, serve, telemetry, wire};
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
    /// Print the `OpenAPI` document.
    Openapi,
    /// Administrators, who moderate the world channel.
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Print the configuration as it takes effect, without its secrets.
    Config,
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Make one; the password is the first line of the standard input. The server may be running.
    Create {
        /// The name to log in with.
        #[arg(long)]
        username: String,
    },
}

fn main() -> ExitCode {
    // TLS to databases and buses; a library installs nothing global, so the program does. It fails when it is done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ended = run(&Cli::parse());
    telemetry::flush();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jim: {error}");
            let configuration = error.is::<BadConfig>()
                || error.downcast_ref::<wire::NotReady>().is_some_and(wire::NotReady::is_configuration);
            ExitCode::from(if configuration { 2 } else { 1 })
        }
    }
}

fn run(cli: &Cli) -> Result<(), Box<dyn Error>> {
    if let Some(Command::Openapi) = cli.command {
        print(openapi::document()?);
        return Ok(());
    }
    let config = Config::load(cli.config.as_deref())?;
    if let Some(Command::Config) = cli.command {
        print(&toml::to_string_pretty(&config)?);
        return Ok(());
    }
    config.check_supported()?;
    telemetry::init(&config.log.level)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match cli.command {
        Some(Command::Admin { command: AdminCommand::Create { ref username } }) => {
            let mut password = String::new();
            std::io::stdin().read_line(&mut password)?;
            let password = Secret::new(password.trim_end_matches(['\r', '\n']).to_owned());
            let me = runtime.block_on(admin::create(&config, username, password))?;
            print(&format!("{} is an administrator now, with the id {}", me.username, me.id));
            Ok(())
        }
        Some(Command::Migrate) => Ok(runtime.block_on(wire::migrate(&config))?),
        _ => runtime.block_on(serve::serve(config)),
    }
}

/// A reader that has seen enough, such as `head`, is no error.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}
