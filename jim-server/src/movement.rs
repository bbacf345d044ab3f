//! `jim move`: a whole store goes elsewhere.

use std::error::Error;
use std::process::ExitCode;

use jim_core::transfer::{self, Comparison, Move};

use crate::bar::Bar;
use crate::config::Config;
use crate::wire;

/// Carries the configured stores to these, and prints what was compared; 1 if it differs.
pub async fn carry(config: &Config, to: Option<&str>, to_rooms: Option<&str>) -> Result<ExitCode, Box<dyn Error>> {
    let from = wire::whole_alone(config).await?;
    // The same relational side twice: the room logs alone go elsewhere.
    let only_logs = to.is_none() || to == Some(config.store.url.expose());
    if only_logs && to_rooms.unwrap_or_default() == config.rooms.url.expose() {
        return Err("the source and the target are one store".into());
    }
    let target = wire::target(config, to.filter(|_| !only_logs), to_rooms).await?;
    let bar = Bar::new();
    let all = Move { from: from.whole(), to: target.whole(), only_logs, mark_source: from.are_shared() };
    let compared = all.run(&bar).await;
    bar.end();
    let compared = compared?;
    tell(&bar, &compared);
    Ok(ExitCode::from(u8::from(!compared.is_equal())))
}

fn tell(bar: &Bar, compared: &Comparison) {
    for table in &compared.tables {
        let verdict = if table.equal { "equal" } else { "DIFFERS" };
        bar.print(&format!("{}: {} rows here, {} there: {verdict}", table.table, table.source, table.target));
    }
    for (room, source, target) in &compared.differing {
        bar.print(&format!("{room}: digest {source} here, {target} there: DIFFERS"));
    }
    bar.print(&format!("{} room logs with {} entries: equal", compared.rooms, compared.entries));
    bar.print(if compared.is_equal() {
        "all is equal: the target can be served"
    } else {
        "the target differs and must not be served: was the source served meanwhile? empty the target and begin again"
    });
}

/// Forgets a move that was begun, so that its source can be served again.
pub async fn give_up(config: &Config) -> Result<ExitCode, Box<dyn Error>> {
    let stores = wire::whole(config).await?;
    let was = transfer::give_up(stores.whole().store).await?;
    let said =
        if was { "the move is given up: this store can be served" } else { "this store is not being moved away" };
    Bar::new().print(said);
    Ok(ExitCode::SUCCESS)
}
