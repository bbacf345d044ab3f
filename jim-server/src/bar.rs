//! A progress bar on a terminal; elsewhere nothing.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jim_core::transfer::Progress;

/// The bar of a command.
pub struct Bar(Option<ProgressBar>);

impl Bar {
    /// A bar, if the errors go to a terminal.
    #[must_use]
    pub fn new() -> Self {
        let shown = std::io::stderr().is_terminal();
        Bar(shown.then(|| {
            let bar = ProgressBar::no_length();
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        }))
    }

    /// Prints a line above the bar.
    pub fn print(&self, line: &str) {
        // A reader that has seen enough is no error.
        let print = || {
            let _ = writeln!(std::io::stdout(), "{line}");
        };
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Default for Bar {
    fn default() -> Self {
        Bar::new()
    }
}

impl Progress for Bar {
    fn begin(&self, part: &str, steps: u64) {
        let Some(bar) = &self.0 else { return };
        let template = if steps == 0 {
            "{spinner} {msg} {pos}"
        } else {
            "{spinner} {msg} [{wide_bar}] {pos}/{len} {per_sec} {eta}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.reset();
        bar.set_length(steps);
        bar.set_message(part.to_owned());
    }

    fn step(&self, steps: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(steps);
        }
    }
}
