//! The outbox: what a committed change still owes to a room's log. Tasks run in order of their ids and append under
//! the reference `ob:<id>` or `ob/<id>`, so that two relays, or one that crashed half-way, do no harm.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::Logs;
use crate::error::{Error, Result};
use crate::id::{GroupId, OutboxId, RoomId, Seq, UserId};
use crate::model::content::ClientRef;
use crate::model::conversation::Mark;
use crate::model::entry::{Guard, Kind, NewEntry};
use crate::model::group::HistoryPolicy;
use crate::repo::{Appended, Lock, Task, Told, UserEvent};
use crate::time::Millis;

const PAGE: u16 = 64;
/// Rooms of one sweep: those that cannot be finished now are named again each time, and must not hide the others.
const ROOMS: u16 = u16::MAX;

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
            if let Task::Erase { seq, stub, .. } = &task {
                logs.rooms.erase(room, *seq, &raw(stub)?).await?;
            }
            let appended = logs.append(entry(logs, *room, id, &task)?, Instant::now()).await?;
            if let (Task::Join { user, joined_at, history, group, .. }, Appended::New(entry) | Appended::Again(entry)) =
                (task, appended)
            {
                let below = match history {
                    HistoryPolicy::All => Mark::default(),
                    HistoryPolicy::Joined => Mark { seq: Seq(entry.seq.0 - 1), ord: entry.ord },
                };
                let told = let_in(logs, id, (user, joined_at), below, Joined { group, head: entry.seq }).await?;
                for entry in &told.users {
                    logs.tell(entry).await;
                }
            } else {
                let mut unit = logs.store.write(&[]).await?;
                unit.outbox().remove(id).await?;
                let _ = unit.commit().await?;
            }
        }
    }
}

#[derive(Serialize)]
struct Joined {
    #[serde(flatten)]
    group: serde_json::Value,
    head: Seq,
}

/// The join has its number: the person may read from there on, unless he is gone again. Who went and came again waits
/// for the join of his newest membership.
async fn let_in(
    logs: &Logs,
    id: OutboxId,
    (user, joined_at): (UserId, Millis),
    below: Mark,
    joined: Joined,
) -> Result<Told> {
    let at = logs.clock.now();
    let id_of = |group: &serde_json::Value| group["id"].as_i64().map(GroupId);
    let group = id_of(&joined.group).ok_or_else(|| Error::internal("a join names no group"))?;
    let mut unit = logs.store.write(&[Lock::User(user), Lock::Group(group)]).await?;
    // Another relay may have done it, and the person may have gone and come again since.
    if !unit.outbox().remove(id).await? {
        return Ok(Told::default());
    }
    if unit.members().get(group, user).await?.is_some_and(|member| member.joined_at == joined_at) {
        unit.conversations().set_from(user, &RoomId::Group(group), below).await?;
        unit.tell(user, UserEvent { kind: Kind::GROUP_JOINED, body: Arc::from(raw(&joined)?) }, at).await?;
    }
    Ok(unit.commit().await?.0)
}

pub(super) async fn sweep(logs: &Logs) -> Result<()> {
    let rooms = logs.store.read().await?.outbox().rooms(ROOMS).await?;
    for room in rooms {
        if let Err(error) = logs.drain(&room).await {
            tracing::warn!(%room, error.cause = ?error, "a room is still owed entries; it will be tried again");
        }
    }
    Ok(())
}

fn raw(body: &impl Serialize) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(body).map_err(|error| Error::Internal(error.into()))
}

fn entry(logs: &Logs, room: RoomId, id: OutboxId, task: &Task) -> Result<NewEntry> {
    let (kind, by, client_ref, fences, body) = match task {
        Task::Append { kind, content } => {
            let client_ref = ClientRef::outbox(id);
            let body = raw(&Body { client_ref: &client_ref, content })?;
            (kind, UserId::SYSTEM, client_ref, false, body)
        }
        Task::Event(event) | Task::Join { event, .. } | Task::Erase { event, .. } => {
            let body = raw(&event.data)?;
            (&event.kind, event.by, ClientRef::event(id), event.kind.fences(), body)
        }
    };
    Ok(NewEntry {
        room,
        by,
        kind: kind.clone(),
        client_ref,
        counted: false,
        fences,
        body: Arc::from(body),
        digest: None,
        mentions: Vec::new(),
        guard: Guard::Decided,
        at: logs.clock.now(),
    })
}
