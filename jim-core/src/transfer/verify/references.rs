//! References between tables: what a row names is there.

use super::{Look, place};
use crate::repo::tables::{
    AUDIT, BLACKLIST, BLOCKS, CONVERSATIONS, DEPARTURES, EMAILS, EXTERNAL, FORMER_MEMBERS, FRIEND_LABELS,
    FRIEND_REQUESTS, FRIENDSHIPS, GROUPS, HIDDEN, INVITATIONS, JOIN_REQUESTS, MAILS, MEMBERS, PINS, SESSIONS, STATUSES,
    TICKETS, TOTP, TOTP_CODES, USER_HEADS, USER_LOG, USERS, WORLD_MUTES, WORLD_TURNS, WORLDS,
};
use crate::repo::{Res, Row, Table, Value};

/// What a row of a table must be matched by: the columns of the one stand in the columns of the other.
struct Reference {
    from: &'static Table,
    columns: &'static [&'static str],
    to: &'static Table,
    at: &'static [&'static str],
}

const fn to(
    from: &'static Table,
    columns: &'static [&'static str],
    to: &'static Table,
    at: &'static [&'static str],
) -> Reference {
    Reference { from, columns, to, at }
}

static REFERENCES: [Reference; 41] = [
    to(&USERS, &["id"], &USER_HEADS, &["user_id"]),
    to(&USER_HEADS, &["user_id"], &USERS, &["id"]),
    to(&USER_LOG, &["user_id"], &USER_HEADS, &["user_id"]),
    to(&SESSIONS, &["user_id"], &USERS, &["id"]),
    to(&TICKETS, &["session_id"], &SESSIONS, &["id"]),
    to(&FRIENDSHIPS, &["user_id"], &USERS, &["id"]),
    to(&FRIENDSHIPS, &["friend_id"], &USERS, &["id"]),
    to(&FRIENDSHIPS, &["friend_id", "user_id"], &FRIENDSHIPS, &["user_id", "friend_id"]),
    to(&FRIEND_LABELS, &["user_id", "friend_id"], &FRIENDSHIPS, &["user_id", "friend_id"]),
    to(&STATUSES, &["user_id"], &USERS, &["id"]),
    to(&FRIEND_REQUESTS, &["from_id"], &USERS, &["id"]),
    to(&FRIEND_REQUESTS, &["to_id"], &USERS, &["id"]),
    to(&BLOCKS, &["user_id"], &USERS, &["id"]),
    to(&BLOCKS, &["blocked_id"], &USERS, &["id"]),
    to(&GROUPS, &["owner_id"], &USERS, &["id"]),
    to(&MEMBERS, &["group_id"], &GROUPS, &["id"]),
    to(&MEMBERS, &["user_id"], &USERS, &["id"]),
    to(&FORMER_MEMBERS, &["group_id"], &GROUPS, &["id"]),
    to(&FORMER_MEMBERS, &["user_id"], &USERS, &["id"]),
    to(&BLACKLIST, &["group_id"], &GROUPS, &["id"]),
    to(&BLACKLIST, &["user_id"], &USERS, &["id"]),
    to(&INVITATIONS, &["group_id"], &GROUPS, &["id"]),
    to(&INVITATIONS, &["user_id"], &USERS, &["id"]),
    to(&INVITATIONS, &["by_user"], &USERS, &["id"]),
    to(&JOIN_REQUESTS, &["group_id"], &GROUPS, &["id"]),
    to(&JOIN_REQUESTS, &["user_id"], &USERS, &["id"]),
    to(&CONVERSATIONS, &["user_id"], &USERS, &["id"]),
    to(&HIDDEN, &["user_id"], &USERS, &["id"]),
    to(&PINS, &["by_user"], &USERS, &["id"]),
    to(&BLACKLIST, &["by_user"], &USERS, &["id"]),
    to(&WORLD_MUTES, &["world_id"], &WORLDS, &["id"]),
    to(&WORLD_MUTES, &["user_id"], &USERS, &["id"]),
    to(&WORLD_TURNS, &["world_id"], &WORLDS, &["id"]),
    to(&WORLD_TURNS, &["user_id"], &USERS, &["id"]),
    to(&EXTERNAL, &["user_id"], &USERS, &["id"]),
    to(&EMAILS, &["user_id"], &USERS, &["id"]),
    to(&MAILS, &["user_id"], &USERS, &["id"]),
    to(&TOTP, &["user_id"], &USERS, &["id"]),
    to(&TOTP_CODES, &["user_id"], &TOTP, &["user_id"]),
    to(&AUDIT, &["by_user"], &USERS, &["id"]),
    to(&DEPARTURES, &["user_id"], &USERS, &["id"]),
];

pub(super) async fn check(look: &mut Look<'_>) -> Res<()> {
    let mut tables: Vec<&'static Table> = Vec::new();
    for reference in &REFERENCES {
        if !tables.contains(&reference.from) {
            tables.push(reference.from);
        }
    }
    for table in tables {
        look.progress.begin(table.name, 0);
        let mut above = Row::new();
        loop {
            let rows = look.page(table, &mut above).await?;
            if rows.is_empty() {
                break;
            }
            for reference in REFERENCES.iter().filter(|reference| reference.from == table) {
                page(look, reference, &rows).await?;
            }
            // These were counted with their logs.
            if table != &USER_LOG {
                look.checked.rows += rows.len() as u64;
            }
            look.progress.step(rows.len() as u64);
        }
    }
    Ok(())
}

async fn page(look: &mut Look<'_>, reference: &Reference, rows: &[Row]) -> Res<()> {
    let Reference { from, columns, to, at } = *reference;
    let places: Vec<usize> = columns.iter().map(|column| from.place(column)).collect();
    let key = |row: &Row| -> Row { places.iter().map(|place| row[*place].clone()).collect() };
    // The system is no account.
    let names = |row: &&Row| key(row).iter().all(|value| value.int().is_some_and(|id| id != 0));
    let rows: Vec<&Row> = rows.iter().filter(names).collect();
    let mut keys: Vec<Row> = rows.iter().map(|row| key(row)).collect();
    keys.sort_unstable();
    keys.dedup();
    let known = look.of.store.present(to, at, &keys).await?;
    let missing: Vec<Row> = keys.into_iter().zip(known).filter(|(_, known)| !known).map(|(key, _)| key).collect();
    for row in rows.into_iter().filter(|row| missing.contains(&key(row))) {
        // Both may be gone by now.
        if look.stands(from, row).await? && !look.of.store.present(to, at, &[key(row)]).await?[0] {
            let said: Vec<String> = columns
                .iter()
                .zip(key(row))
                .map(|(column, value)| format!("{column} {}", value.int().unwrap_or_default()))
                .collect();
            let hidden = [&TICKETS, &EXTERNAL].contains(&from);
            let at = if hidden { from.name.into() } else { place(from, row) };
            look.found(at, format!("{} leads to nothing in {}", said.join(" and "), to.name));
        }
    }
    Ok(())
}

/// Whether a row of a table has this id.
pub(super) async fn is_there(look: &Look<'_>, table: &'static Table, id: i64) -> Res<bool> {
    Ok(look.of.store.present(table, &["id"], &[vec![Value::Int(id)]]).await?[0])
}
