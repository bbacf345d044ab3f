//! `jim verify`: a look over a whole store.

use std::process::ExitCode;

use jim_core::transfer;

use crate::bar::Bar;
use crate::config::Config;
use crate::wire;

/// Prints a line for each finding and a summary; 0 if there is none, 1 if there are some, 2 if the store cannot be read.
pub async fn verify(config: &Config) -> ExitCode {
    let stores = match wire::whole(config).await {
        Ok(stores) => stores,
        Err(error) => {
            eprintln!("jim: {error}");
            return ExitCode::from(2);
        }
    };
    let bar = Bar::new();
    let checked = transfer::verify(stores.whole(), &bar, &mut |finding| bar.print(&finding.to_string())).await;
    bar.end();
    match checked {
        Ok(checked) => {
            let transfer::Checked { rooms, entries, rows, findings } = checked;
            bar.print(&format!("{findings} findings in {rooms} rooms with {entries} entries, and {rows} rows"));
            ExitCode::from(u8::from(findings > 0))
        }
        Err(error) => {
            eprintln!("jim: {error}");
            ExitCode::from(2)
        }
    }
}
