//! The chat list: every room of a person, and what he keeps about each.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::str::FromStr;

use bytes::Bytes;
use serde_json::json;

use super::friends::cards;
use super::rooms::row;
use super::visible::{Seen, Visible, visible};
use super::{Context, MOST_ENTRIES, event};
use crate::error::{Code, Result};
use crate::id::{GroupId, RoomId, Seq, UserId, WorldId};
use crate::log::{cuts, rows};
use crate::model::block::Cut;
use crate::model::conversation::{About, ConversationRow};
use crate::model::entry::Head;
use crate::model::group::{GroupRow, MemberRow};
use crate::model::world::WorldRow;
use crate::model::{Group, Kind, UserCard};
use crate::page::{Cursors, Page};
use crate::repo::{Slice, Unit, Unread, UnreadCount};
use crate::time::Millis;

/// Heads in one call.
const HEADS: usize = 1000;

/// A room in the chat list of one person.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// What is kept about it.
    pub row: ConversationRow,
    /// What it is.
    pub about: About,
    /// The end of its log.
    pub head: Head,
    /// The newest entries that the person may read, in ascending order, as JSON; one unless more were asked for.
    pub entries: Vec<Bytes>,
    /// What is unread.
    pub unread: UnreadCount,
}

/// What of a conversation changes; what is absent stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConversationChange {
    /// Whether it stands on top of the list.
    pub pinned: Option<bool>,
    /// Whether the person is not notified of it.
    pub muted: Option<bool>,
    /// Whether it is put away until something new comes.
    pub hidden: Option<bool>,
}

/// Which of the list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown<'a> {
    /// Newest entries of each room.
    pub latest: u16,
    /// Also what was put away.
    pub hidden: bool,
    /// Where the page begins.
    pub cursor: Option<&'a str>,
    /// Rooms on the page.
    pub limit: u16,
}

/// Where a room stands in the list: pinned first, the newest pin on top; then the newest entry; then the name.
type Place = (Reverse<i64>, Reverse<i64>, RoomId);

struct PlaceText(Place);

impl FromStr for PlaceText {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let mut parts = text.splitn(3, ' ');
        let mut number = || parts.next()?.parse().ok();
        let (Some(pinned), Some(at)) = (number(), number()) else { return Err(()) };
        let room = parts.next().and_then(|room| room.parse().ok()).ok_or(())?;
        Ok(PlaceText((Reverse(pinned), Reverse(at), room)))
    }
}

fn place(row: &ConversationRow, head: &Head) -> Place {
    (Reverse(row.pinned_at.map_or(0, |at| at.0)), Reverse(head.at.0), row.room)
}

/// The chat list.
#[derive(Clone)]
pub struct Conversations {
    context: Context,
}

impl Conversations {
    pub(super) fn new(context: Context) -> Self {
        Conversations { context }
    }

    /// The list: pinned rooms, then the one with the newest entry first.
    pub async fn list(&self, who: UserId, shown: Shown<'_>) -> Result<Page<Conversation>> {
        let cursors = Cursors::new(&self.context.key, format!("conversations:{who}:{}", shown.hidden));
        let after: Option<PlaceText> = cursors.read(shown.cursor)?;
        let mut unit = self.context.read().await?;
        let log = unit.user_log().head(who).await?;
        let rows = rows(&self.context.logs, &mut unit, who).await?;
        drop(unit);
        let heads = heads(&self.context, rows.iter().map(|row| row.room)).await?;
        let mut all: Vec<(ConversationRow, Head)> = rows.into_iter().zip(heads).collect();
        all.retain(|(row, head)| shown.hidden || !row.is_hidden(head.seq));
        all.sort_by_key(|(row, head)| place(row, head));
        let rest =
            all.into_iter().skip_while(|(row, head)| after.as_ref().is_some_and(|after| place(row, head) <= after.0));
        let latest = shown.latest.max(1);
        let limit = shown.limit.min(MOST_ENTRIES / latest).max(1);
        let page: Vec<_> = rest.take(usize::from(limit) + 1).collect();
        let page = cursors.page(page, limit, log, |(row, head)| {
            let (Reverse(pinned), Reverse(at), room) = place(row, head);
            format!("{pinned} {at} {room}")
        });
        let items = self.see(who, page.items, latest).await?;
        Ok(Page { items, next: page.next, log })
    }

    /// One of the list.
    pub async fn get(&self, who: UserId, room: RoomId) -> Result<Conversation> {
        let row = row(&self.context, &mut self.context.read().await?, who, &room).await?;
        row.from.ok_or(Code::NotFound)?;
        let head = self.context.logs.rooms.head(&room).await?;
        self.see(who, vec![(row, head)], 1).await?.pop().ok_or(Code::NotFound.into())
    }

    /// Pins, mutes or hides a room in the caller's list; his other devices learn of it.
    pub async fn change(&self, who: UserId, room: RoomId, change: ConversationChange) -> Result<Conversation> {
        let head = self.context.logs.rooms.head(&room).await?.seq;
        let (mut unit, row) = self.own(who, room).await?;
        let now = self.context.now();
        let pinned = change.pinned.filter(|pinned| *pinned != row.pinned_at.is_some());
        if let Some(pinned) = pinned {
            unit.conversations().set_pinned(who, &room, pinned.then_some(now)).await?;
            let data = json!({ "room": room, "pinned": pinned });
            unit.tell(who, event(Kind::CONVERSATION_PINNED, &data)?, now).await?;
        }
        if let Some(muted) = change.muted.filter(|muted| *muted != row.muted) {
            unit.conversations().set_muted(who, &room, muted).await?;
            let data = json!({ "room": room, "muted": muted });
            unit.tell(who, event(Kind::CONVERSATION_MUTED, &data)?, now).await?;
        }
        if let Some(hidden) = change.hidden.filter(|hidden| *hidden != row.is_hidden(head)) {
            unit.conversations().set_hidden(who, &room, hidden.then_some(head)).await?;
            let data = json!({ "room": room, "hidden": hidden, "seq": head });
            unit.tell(who, event(Kind::CONVERSATION_HIDDEN, &data)?, now).await?;
        }
        self.context.logs.finish(unit).await?;
        self.get(who, room).await
    }

    /// Clears a room for the caller: what stands in it now he sees no more. Others keep it.
    pub async fn clear(&self, who: UserId, room: RoomId) -> Result<()> {
        let (mut unit, row) = self.own(who, room).await?;
        clear(&self.context, &mut unit, who, &row).await?;
        self.context.logs.finish(unit).await
    }

    /// Deletes one message for the caller only. What else stands in a log changes what his devices keep, and stays.
    pub async fn hide_entry(&self, who: UserId, room: RoomId, seq: Seq) -> Result<()> {
        if seq < visible(&self.context, who, &room).await?.from {
            return Err(Code::NotFound.into());
        }
        let found = self.context.logs.rooms.read(&room, Slice::Only(&[seq]), 1).await?;
        if found.first().ok_or(Code::NotFound)?.kind != Kind::MESSAGE_SENT {
            return Err(Code::NotDeletable.into());
        }
        let mut unit = self.context.write(&[who]).await?;
        if unit.hidden().add(who, &room, seq).await? {
            let data = json!({ "room": room, "seq": seq });
            unit.tell(who, event(Kind::ENTRY_DELETED, &data)?, self.context.now()).await?;
        }
        self.context.logs.finish(unit).await
    }

    /// A unit that locks the caller, and his row of a room, which is made where everybody has the room.
    async fn own(&self, who: UserId, room: RoomId) -> Result<(Unit, ConversationRow)> {
        let mut unit = self.context.write(&[who]).await?;
        let row = row(&self.context, &mut unit, who, &room).await?;
        row.from.ok_or(Code::NotFound)?;
        unit.conversations().ensure(who, &room, row.from).await?;
        Ok((unit, row))
    }

    /// Rooms as a person sees them, in the order given; those that are his no more are left out.
    async fn see(&self, who: UserId, rooms: Vec<(ConversationRow, Head)>, latest: u16) -> Result<Vec<Conversation>> {
        let logs = &self.context.logs;
        let asks: Vec<_> = rooms.iter().map(|(row, _)| Unread { room: row.room, user: who, mark: row.mark }).collect();
        let counts = logs.rooms.unread(&asks).await?;
        let mut newest = Vec::with_capacity(rooms.len());
        for (row, head) in &rooms {
            newest.push(logs.rooms.read(&row.room, Slice::Before(head.seq.next()), latest).await?);
        }
        let mut unit = self.context.read().await?;
        let abouts = Abouts::read(&mut unit, who, rooms.iter().map(|(row, _)| row.room), self.context.now()).await?;
        let mine = rows(&self.context.logs, &mut unit, who).await?;
        let mine: HashMap<RoomId, ConversationRow> = mine.into_iter().map(|row| (row.room, row)).collect();
        let cuts = cuts(&mut unit, who).await?;
        let mut seen = Vec::with_capacity(rooms.len());
        for (((row, head), unread), entries) in rooms.into_iter().zip(counts).zip(newest) {
            let Some(now) = mine.get(&row.room) else { continue };
            let Some(visible) = Visible::of(now, cut(&cuts, who, now)) else { continue };
            let Some(about) = abouts.of(row.room, who, self.context.now()) else { continue };
            let entries = Seen::among(&mut unit, who, &row.room, visible, &entries).await?.show_all(&entries);
            seen.push(Conversation { row, about, head, entries, unread });
        }
        Ok(seen)
    }
}

/// What rooms are, read for many at once.
struct Abouts {
    peers: HashMap<UserId, UserCard>,
    groups: HashMap<GroupId, GroupRow>,
    members: HashMap<GroupId, MemberRow>,
    worlds: HashMap<WorldId, WorldRow>,
}

fn group(room: RoomId) -> Option<GroupId> {
    if let RoomId::Group(id) = room { Some(id) } else { None }
}

impl Abouts {
    async fn read(
        unit: &mut Unit,
        who: UserId,
        rooms: impl Iterator<Item = RoomId> + Clone,
        now: Millis,
    ) -> Result<Self> {
        let groups: Vec<_> = rooms.clone().filter_map(group).collect();
        Ok(Abouts {
            peers: cards(unit, rooms.filter_map(|room| room.peer(who)), now).await?,
            groups: unit.groups().list_by_id(&groups).await?.into_iter().map(|row| (row.id, row)).collect(),
            members: unit.members().list_of(who, &groups).await?.into_iter().map(|row| (row.group, row)).collect(),
            worlds: unit.worlds().list().await?.into_iter().map(|row| (row.id, row)).collect(),
        })
    }

    /// `None` where the person is no member.
    fn of(&self, room: RoomId, who: UserId, now: Millis) -> Option<About> {
        Some(match room {
            RoomId::Private(..) => About::Private(self.peers.get(&room.peer(who)?)?.clone()),
            RoomId::Group(id) => {
                let (group, my) = (self.groups.get(&id)?.clone(), self.members.get(&id)?.clone());
                About::Group(Box::new(Group::seen(group, my, now)))
            }
            RoomId::World(id) => About::World(self.worlds.get(&id)?.clone().into()),
        })
    }
}

/// The ends of many logs, in the order asked.
pub(super) async fn heads(context: &Context, rooms: impl Iterator<Item = RoomId>) -> Result<Vec<Head>> {
    let rooms: Vec<_> = rooms.collect();
    let mut heads = Vec::with_capacity(rooms.len());
    for rooms in rooms.chunks(HEADS) {
        heads.extend(context.logs.rooms.heads(rooms).await?);
    }
    Ok(heads)
}

/// What is hidden in a room of the one whom its reader blocks.
pub(super) fn cut(cuts: &HashMap<UserId, Cut>, who: UserId, row: &ConversationRow) -> Option<Cut> {
    cuts.get(&row.room.peer(who)?).copied()
}

/// Clears a room for a person, who is locked, up to its end.
pub(super) async fn clear(context: &Context, unit: &mut Unit, who: UserId, row: &ConversationRow) -> Result<()> {
    let head = context.logs.rooms.head(&row.room).await?;
    if head.seq > row.clear {
        unit.conversations().set_clear(who, &row.room, head.mark()).await?;
        let data = json!({ "room": row.room, "seq": head.seq });
        unit.tell(who, event(Kind::CONVERSATION_CLEARED, &data)?, context.now()).await?;
    }
    Ok(())
}

impl Conversation {
    /// When something happened in it last; `None` where nothing did.
    #[must_use]
    pub fn updated_at(&self) -> Option<Millis> {
        (self.head.seq > Seq::ZERO).then_some(self.head.at)
    }
}
