//! The log: JSON lines in the bunyan format, or plain text on a terminal.
//!
//! There are no spans: the bunyan layer writes two records for each. Bunyan's own fields `name`, `msg`, `level`,
//! `time`, `pid`, `hostname` and `v` must not be used as fields of an event; it drops them silently.

mod lines;

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use tracing_bunyan_formatter::BunyanFormattingLayer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use self::lines::Lines;
use crate::config::BadConfig;

static LINES: OnceLock<Lines> = OnceLock::new();

/// Writes lines that still wait; to be called before the process ends.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush();
    }
}

/// The driver of RabbitMQ tells each failed try, and the password at its lowest level; the bus says what matters.
fn quiet(directives: &str) -> String {
    format!("lapin=off,{directives}")
}

/// Starts the log of this process; `RUST_LOG` goes before `level`. To be called once.
pub fn init(level: &str) -> Result<(), BadConfig> {
    let bad_level = |key| BadConfig::at(key, "wants a level or directives such as info,sqlx=warn");
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => {
            EnvFilter::try_new(quiet(&directives)).map_err(|_| bad_level("RUST_LOG"))?
        }
        // A word alone that is no level would be taken for a target, and everything else be silent.
        _ if level.split(',').any(|part| !part.contains('=') && part.trim().parse::<LevelFilter>().is_err()) => {
            return Err(bad_level("log.level"));
        }
        _ => EnvFilter::try_new(quiet(level)).map_err(|_| bad_level("log.level"))?,
    };
    let events = filter_fn(|metadata| !metadata.is_span());
    let log = tracing_subscriber::registry().with(filter);
    if std::io::stdout().is_terminal() {
        log.with(tracing_subscriber::fmt::layer().with_target(false).with_filter(events)).init();
    } else {
        let lines = Lines::to_stdout().map_err(|error| BadConfig::at("", error.to_string()))?;
        let lines = LINES.get_or_init(|| lines).clone();
        let bunyan = BunyanFormattingLayer::new("jim".to_owned(), lines);
        let bunyan = bunyan.skip_fields(["file", "line"].into_iter()).map_err(|e| BadConfig::at("", e.to_string()))?;
        log.with(bunyan.with_filter(events)).init();
    }
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let reason = panic.payload_as_str();
        tracing::error!(location, reason, "panic");
    }));
    Ok(())
}
