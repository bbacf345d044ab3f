//! The outbox: what a committed change still owes to a room's log. Tasks run in order of their ids and append under
//! the reference `ob:<id>`, so that two relays, or one that crashed half-way, do no harm.

use std::sync::Arc;

use serde::Serialize;

use super::Logs;
use crate::error::{Error, Result};
use crate::id::{OutboxId, RoomId, UserId};
use crate::model::content::ClientRef;
use crate::model::entry::{Guard, NewEntry};
use crate::repo::Task;

const PAGE: u16 = 64;

#[derive(Serialize)]
struct Body<'a> {
    client_ref: &'a ClientRef,
    content: &'a serde_json::Value,
}

pub(super) async fn drain(logs: &Logs, room: &RoomId) -> Result<()> {
    loop {
        let tasks = logs.store.read().await?.outbox().list(room, PAGE).await?;
        if tasks.is_empty() {
            return Ok(());
        }
        for (id, task, _) in tasks {
            logs.append(entry(logs, *room, id, task)?).await?;
            let mut unit = logs.store.write(&[]).await?;
            unit.outbox().remove(id).await?;
            let _ = unit.commit().await?;
        }
    }
}

pub(super) async fn sweep(logs: &Logs) -> Result<()> {
    let rooms = logs.store.read().await?.outbox().rooms(PAGE).await?;
    for room in rooms {
        drain(logs, &room).await?;
    }
    Ok(())
}

fn entry(logs: &Logs, room: RoomId, id: OutboxId, task: Task) -> Result<NewEntry> {
    let Task::Append { kind, content } = task;
    let client_ref = ClientRef::outbox(id);
    let body = serde_json::value::to_raw_value(&Body { client_ref: &client_ref, content: &content })
        .map_err(|error| Error::Internal(error.into()))?;
    Ok(NewEntry {
        room,
        by: UserId::SYSTEM,
        client_ref,
        kind,
        counted: false,
        fences: false,
        body: Arc::from(body),
        digest: None,
        guard: Guard::Decided,
        at: logs.clock.now(),
    })
}
