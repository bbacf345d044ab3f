//! Entries of room logs in their table, which is the same in both databases.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde_json::value::RawValue;

use super::conn::{Arg, Verbs, args, broken};
use super::{chunks, sql, tuples};
use crate::id::{RoomId, Seq, UserId};
use crate::model::content::{ClientRef, ContentDigest};
use crate::model::entry::{Entry, Kind, NewEntry};
use crate::repo::{RepoError, Res, Slice};
use crate::store::numbering::Plan;
use crate::time::Millis;

/// Rows of one statement; more gain nothing.
pub(super) const MOST: usize = 64;

/// Values of an entry and of a mention.
pub(super) const ENTRY: usize = 10;
pub(super) const MENTION: usize = 3;

pub(super) const COLUMNS: &str = "room, seq, ord, fence, at, by_user, client_ref, kind, digest, body";

#[derive(sqlx::FromRow)]
struct EntryRow {
    room: String,
    seq: i64,
    ord: i64,
    fence: i64,
    at: i64,
    by_user: i64,
    client_ref: String,
    kind: String,
    digest: Option<String>,
    body: Option<String>,
}

impl TryFrom<EntryRow> for Arc<Entry> {
    type Error = RepoError;

    fn try_from(row: EntryRow) -> Res<Self> {
        let body = row.body.map(RawValue::from_string).transpose().map_err(|_| broken("a body is no JSON"))?;
        Ok(Arc::new(Entry {
            room: row.room.parse().map_err(|_| broken("a room has no such name"))?,
            seq: Seq(row.seq),
            ord: row.ord,
            fence: Seq(row.fence),
            at: Millis(row.at),
            by: UserId(row.by_user),
            client_ref: ClientRef(row.client_ref),
            kind: Kind::named(row.kind),
            digest: row.digest.map(ContentDigest),
            body: body.map(Arc::from),
            json: OnceLock::new(),
        }))
    }
}

/// Whom new entries mention.
pub(super) fn mentions<'a>(plan: &'a Plan<'_>) -> Vec<(UserId, &'a Entry)> {
    plan.new_entries().flat_map(|(new, entry)| new.mentions.iter().map(move |user| (*user, &**entry))).collect()
}

pub(super) fn mention_args(args: &mut Vec<Arg>, mentions: &[(UserId, &Entry)]) {
    args.extend(mentions.iter().flat_map(|(user, entry)| [(*user).into(), (&entry.room).into(), entry.seq.into()]));
}

pub(super) fn insert_args(args: &mut Vec<Arg>, entries: &[&Entry]) {
    for entry in entries {
        let row: [Arg; ENTRY] = [
            (&entry.room).into(),
            entry.seq.into(),
            entry.ord.into(),
            entry.fence.into(),
            entry.at.into(),
            entry.by.into(),
            entry.client_ref.as_str().into(),
            entry.kind.as_str().into(),
            entry.digest.as_ref().map(|digest| digest.0.as_str()).into(),
            entry.body.as_ref().map(|body| body.get()).into(),
        ];
        args.extend(row);
    }
}

/// Entries of a room, in ascending order.
pub(super) async fn read(conn: &mut impl Verbs, room: &RoomId, slice: Slice<'_>, limit: u16) -> Res<Vec<Arc<Entry>>> {
    let select = format!("SELECT {COLUMNS} FROM jim_entries WHERE room = ?");
    let rows: Vec<EntryRow> = match slice {
        Slice::After(seq) => {
            conn.rows(sql(select + " AND seq > ? ORDER BY seq LIMIT ?"), args![room, seq, limit]).await?
        }
        Slice::Before(seq) => {
            let mut rows: Vec<EntryRow> =
                conn.rows(sql(select + " AND seq < ? ORDER BY seq DESC LIMIT ?"), args![room, seq, limit]).await?;
            rows.reverse();
            rows
        }
        Slice::Only(seqs) => {
            let mut rows = Vec::new();
            for seqs in chunks(seqs, MOST) {
                let mut args = args![room];
                args.extend(seqs.iter().map(|seq| Arg::from(*seq)));
                let text = format!("{select} AND seq IN {} ORDER BY seq", tuples(1, seqs.len()));
                rows.extend(conn.rows::<EntryRow>(sql(text), args).await?);
            }
            rows.sort_by_key(|row| row.seq);
            rows.dedup_by_key(|row| row.seq);
            rows.truncate(limit.into());
            rows
        }
    };
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The entries that stand under the references of a batch, in its order.
pub(super) async fn find(conn: &mut impl Verbs, batch: &[NewEntry]) -> Res<Vec<Option<Arc<Entry>>>> {
    let mut known = HashMap::with_capacity(batch.len());
    for batch in chunks(batch, MOST) {
        let any = vec!["(room = ? AND by_user = ? AND client_ref = ?)"; batch.len()].join(" OR ");
        let text = format!("SELECT {COLUMNS} FROM jim_entries WHERE {any}");
        let args = batch.iter().flat_map(|new| args![&new.room, new.by, new.client_ref.as_str()]).collect();
        for row in conn.rows::<EntryRow>(sql(text), args).await? {
            let entry = Arc::<Entry>::try_from(row)?;
            known.insert((entry.room, entry.by, entry.client_ref.clone()), entry);
        }
    }
    Ok(batch.iter().map(|new| known.get(&(new.room, new.by, new.client_ref.clone())).cloned()).collect())
}

/// The entry of a reference.
pub(super) async fn find_ref(
    conn: &mut impl Verbs,
    room: &RoomId,
    by: UserId,
    client_ref: &ClientRef,
) -> Res<Option<Arc<Entry>>> {
    let text = format!("SELECT {COLUMNS} FROM jim_entries WHERE room = ? AND by_user = ? AND client_ref = ?");
    let row: Option<EntryRow> = conn.row(sql(text), args![room, by, client_ref.as_str()]).await?;
    row.map(TryInto::try_into).transpose()
}
