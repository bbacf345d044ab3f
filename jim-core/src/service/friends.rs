//! Friends.

use std::collections::{HashMap, HashSet};

use super::conversations::clear;
use super::{Context, OfUser, event};
use crate::error::{Code, Error, Result};
use crate::id::{RoomId, Seq, UserId};
use crate::model::friend::{Friend, Friendship, Presence, Remark, RequestStatus};
use crate::model::{Kind, UserCard};
use crate::page::{Cursors, Page};
use crate::repo::{Task, Unit};
use crate::time::Millis;

/// Friends.
#[derive(Clone)]
pub struct Friends {
    context: Context,
}

impl Friends {
    pub(crate) fn new(context: Context) -> Self {
        Friends { context }
    }

    /// One's friends by id.
    pub async fn list(&self, who: UserId, cursor: Option<&str>, limit: u16) -> Result<Page<Friend>> {
        let cursors = Cursors::new(&self.context.key, format!("friends:{who}"));
        let after = cursors.read(cursor)?;
        let mut unit = self.context.read().await?;
        let rows = unit.friends().list(who, after, limit + 1).await?;
        let cards = cards(&mut unit, rows.iter().map(|row| row.friend)).await?;
        let ids: Vec<_> = rows.iter().map(|row| row.friend).collect();
        let blockers = unit.blocks().blockers(who, &ids).await?;
        let log = unit.user_log().head(who).await?;
        drop(unit);
        let online = self.context.hub.online(&ids).await;
        let online: HashSet<_> = ids.iter().zip(online).filter_map(|(id, online)| online.then_some(*id)).collect();
        let page = cursors.page(rows, limit, log, |row| row.friend.to_string());
        Ok(page.map(|row| {
            let online = online.contains(&row.friend) && !blockers.contains(&row.friend);
            view(who, &row, cards[&row.friend].clone(), online)
        }))
    }

    /// One friend.
    pub async fn get(&self, who: UserId, friend: UserId) -> Result<Friend> {
        let mut unit = self.context.read().await?;
        let row = unit.friends().get(who, friend).await?.ok_or(Code::NotFound)?;
        seen(&self.context, &mut unit, who, &row).await
    }

    /// Sets or clears what one calls a friend; nobody else sees it.
    pub async fn set_remark(&self, who: UserId, friend: UserId, remark: Option<Remark>) -> Result<Friend> {
        let mut unit = self.context.write(&[who]).await?;
        let mut row = unit.friends().get(who, friend).await?.ok_or(Code::NotFound)?;
        let remark = remark.map(|remark| remark.0);
        let changed = row.remark != remark;
        row.remark = remark;
        let view = seen(&self.context, &mut unit, who, &row).await?;
        if changed {
            unit.friends().set_remark(who, friend, row.remark.as_deref()).await?;
            unit.tell(who, event(Kind::FRIEND_UPDATED, &view)?, self.context.now()).await?;
            self.context.logs.finish(unit).await?;
        }
        Ok(view)
    }

    /// Ends a friendship for both; nothing happens where there is none. The history stays, or goes from the caller's
    /// view of it if he wishes.
    pub async fn remove(&self, who: UserId, friend: UserId, erase_history: bool) -> Result<()> {
        let mut unit = self.context.write(&[who, friend]).await?;
        if unit.friends().remove(who, friend).await? {
            let now = self.context.now();
            unit.tell(who, event(Kind::FRIEND_REMOVED, &OfUser { user_id: friend })?, now).await?;
            unit.tell(friend, event(Kind::FRIEND_REMOVED, &OfUser { user_id: who })?, now).await?;
        }
        if erase_history
            && let Some(room) = RoomId::private(who, friend)
            && let Some(row) = unit.conversations().get(who, &room).await?
        {
            clear(&self.context, &mut unit, who, &row).await?;
        }
        self.context.logs.finish(unit).await
    }
}

/// Makes two people friends in a unit that locks both: rows, rooms, events, and the greeting that the room is owed.
/// Returns how each sees the other.
pub(super) async fn befriend(
    context: &Context,
    unit: &mut Unit,
    (a, b): (UserId, UserId),
    greeting: Option<String>,
    now: Millis,
) -> Result<(Friend, Friend)> {
    for person in [a, b] {
        if unit.friends().count(person).await? >= context.options.limits.friends {
            return Err(Code::FriendFull.into());
        }
    }
    unit.friends().add(a, b, now).await?;
    // Whatever waits between the two is answered by this, also what one of them was never shown.
    for (from, to) in [(a, b), (b, a)] {
        if let Some(request) = unit.friend_requests().find_pending(from, to).await? {
            unit.friend_requests().decide(request.id, RequestStatus::Accepted, None).await?;
        }
    }
    let room = RoomId::private(a, b).ok_or(Code::FriendSelf)?;
    // In the order in which others take the same rows.
    for person in [a.min(b), a.max(b)] {
        unit.conversations().ensure(person, &room, Some(Seq(1))).await?;
    }
    if let Some(text) = greeting.or_else(|| context.options.greeting.clone()) {
        let greeting = serde_json::json!({ "kind": "system", "text": text });
        unit.owe(&room, &Task::Append { kind: Kind::MESSAGE_SENT, content: greeting }, now).await?;
    }
    let row = |friend| Friendship { friend, remark: None, since: now };
    let a_sees = seen(context, unit, a, &row(b)).await?;
    let b_sees = seen(context, unit, b, &row(a)).await?;
    unit.tell(a, event(Kind::FRIEND_ADDED, &a_sees)?, now).await?;
    unit.tell(b, event(Kind::FRIEND_ADDED, &b_sees)?, now).await?;
    Ok((a_sees, b_sees))
}

/// One friend as `who` sees him.
async fn seen(context: &Context, unit: &mut Unit, who: UserId, row: &Friendship) -> Result<Friend> {
    let card = card(unit, row.friend).await?;
    // Who blocks me looks offline.
    let hides = unit.blocks().get(row.friend, who).await?.is_some();
    let online = !hides && context.hub.online(&[row.friend]).await == [true];
    Ok(view(who, row, card, online))
}

fn view(who: UserId, row: &Friendship, user: UserCard, online: bool) -> Friend {
    let status = if online { "online" } else { "offline" };
    Friend {
        user,
        remark: row.remark.clone(),
        // Nobody is a friend of himself, so the pair always has a room.
        room: RoomId::private(who, row.friend).unwrap_or(RoomId::Private(who, row.friend)),
        since: row.since,
        presence: Presence { status },
    }
}

/// What others see of one account.
pub(super) async fn card(unit: &mut Unit, id: UserId) -> Result<UserCard> {
    let user = unit.users().get(id).await?;
    user.map(|user| user.card()).ok_or(Error::internal("an account that is referred to is gone"))
}

/// What others see of accounts that exist.
pub(super) async fn cards(unit: &mut Unit, ids: impl Iterator<Item = UserId>) -> Result<HashMap<UserId, UserCard>> {
    let ids: Vec<_> = ids.collect();
    Ok(unit.users().list(&ids).await?.iter().map(|user| (user.id, user.card())).collect())
}
