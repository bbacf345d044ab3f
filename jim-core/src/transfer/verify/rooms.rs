//! What is kept about rooms: the room is there, and numbers of its log are not beyond its end.

use std::collections::HashMap;

use super::references::is_there;
use super::{Look, place};
use crate::id::{RoomId, UserId};
use crate::model::entry::Head;
use crate::repo::tables::{BLOCKS, CONVERSATIONS, GROUPS, HIDDEN, MENTIONS, OUTBOX, PINS, RETRACTIONS, USERS, WORLDS};
use crate::repo::{Res, Row, Table};

/// A table that names rooms, and its columns that hold numbers of their logs.
static TABLES: [(&Table, &[&str]); 6] = [
    (&CONVERSATIONS, &["clear_seq", "read_seq", "mark", "hidden_seq"]),
    (&HIDDEN, &["seq"]),
    (&PINS, &["seq"]),
    (&MENTIONS, &["seq"]),
    (&RETRACTIONS, &["seq"]),
    (&OUTBOX, &[]),
];

/// Whether there is a room of this id.
pub(super) async fn exists(look: &Look<'_>, room: &RoomId) -> Res<bool> {
    match *room {
        RoomId::Private(a, b) => {
            Ok(a != b && is_there(look, &USERS, a.0).await? && is_there(look, &USERS, b.0).await?)
        }
        RoomId::Group(group) => is_there(look, &GROUPS, group.0).await,
        RoomId::World(world) => is_there(look, &WORLDS, world.0).await,
    }
}

pub(super) async fn check(look: &mut Look<'_>) -> Res<()> {
    for (table, seqs) in TABLES {
        look.progress.begin(table.name, 0);
        let mut above = Row::new();
        loop {
            let rows = look.page(table, &mut above).await?;
            if rows.is_empty() {
                break;
            }
            page(look, table, seqs, &rows).await?;
            look.progress.step(rows.len() as u64);
        }
    }
    cuts(look).await
}

async fn page(look: &mut Look<'_>, table: &'static Table, seqs: &[&str], rows: &[Row]) -> Res<()> {
    let of = |row: &Row| row[table.place("room")].text().parse::<RoomId>().ok();
    let mut rooms: Vec<RoomId> = rows.iter().filter_map(of).collect();
    rooms.sort_unstable();
    rooms.dedup();
    // Read after the rows: what they name stands by now.
    let heads = look.of.logs.heads(&rooms).await?;
    let mut known: HashMap<RoomId, (Head, bool)> = HashMap::new();
    for head in heads {
        let exists = exists(look, &head.room).await?;
        known.insert(head.room, (head, exists));
    }
    for row in rows {
        let Some((head, exists)) = of(row).and_then(|room| known.get(&room)) else {
            look.found(place(table, row), "it names what is no room");
            continue;
        };
        if !exists {
            look.found(place(table, row), format!("there is no room {}", head.room));
        }
        for column in seqs {
            // Zero is before the first, and stands for none where a row is not an entry's own.
            let seq = row[table.place(column)].int().unwrap_or_default();
            let least = i64::from(*column == "seq");
            if !(least..=head.seq.0).contains(&seq) {
                look.found(
                    place(table, row),
                    format!("{column} {seq} is no entry of {}, which ends at {}", head.room, head.seq),
                );
            }
        }
        if table == &CONVERSATIONS {
            conversation(look, row, head);
        }
    }
    Ok(())
}

fn conversation(look: &mut Look<'_>, row: &Row, head: &Head) {
    let int = |column| row[CONVERSATIONS.place(column)].int();
    if head.room.peer(UserId(int("user_id").unwrap_or_default())).is_none() && matches!(head.room, RoomId::Private(..))
    {
        look.found(place(&CONVERSATIONS, row), "the private room is that of others");
    }
    if int("from_seq").is_some_and(|from| from < 1 || from > head.seq.0 + 1) {
        look.found(place(&CONVERSATIONS, row), format!("it begins beyond the log, which ends at {}", head.seq));
    }
    if int("mark_ord").is_some_and(|ord| ord < 0 || ord > head.ord) {
        look.found(place(&CONVERSATIONS, row), format!("more entries are read than the {} that count", head.ord));
    }
}

/// The numbers above which blocks hide something.
async fn cuts(look: &mut Look<'_>) -> Res<()> {
    let mut above = Row::new();
    loop {
        let rows = look.page(&BLOCKS, &mut above).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let (Some(user), Some(blocked), Some(cut)) = (row[0].int(), row[1].int(), row[2].int()) else { continue };
            let Some(room) = RoomId::private(UserId(user), UserId(blocked)) else {
                look.found(place(&BLOCKS, &row), "somebody blocks himself");
                continue;
            };
            let head = look.of.logs.head(&room).await?.seq;
            if !(0..=head.0).contains(&cut) {
                look.found(place(&BLOCKS, &row), format!("it hides above {cut} a log that ends at {head}"));
            }
        }
    }
}
