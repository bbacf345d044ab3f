//! Friends.

use std::collections::{HashMap, HashSet};

use super::conversations::clear;
use super::{Context, OfUser, event};
use crate::error::{Code, Error, Result};
use crate::id::{RoomId, Seq, UserId};
use crate::model::friend::{Friend, FriendChange, FriendFilter, Friendship, RequestStatus};
use crate::model::user::{Change, User};
use crate::model::{Kind, Presence, UserCard};
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

    /// One's friends by id: all, or those whom the filter names.
    pub async fn list(
        &self,
        who: UserId,
        filter: &FriendFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<Friend>> {
        let label = filter.label.as_ref().map_or("", |label| &label.0);
        let cursors = Cursors::new(&self.context.key, format!("friends:{who}:{}:{label}", filter.starred));
        let after = cursors.read(cursor)?;
        let mut unit = self.context.read().await?;
        let rows = unit.friends().find_by_filter(who, filter, after, limit + 1).await?;
        let ids: Vec<_> = rows.iter().map(|row| row.friend).collect();
        let users: HashMap<_, _> = unit.users().list(&ids).await?.into_iter().map(|user| (user.id, user)).collect();
        let hidden: HashSet<_> = unit.blocks().blockers(who, &ids).await?.into_iter().collect();
        let log = unit.user_log().head(who).await?;
        drop(unit);
        let online = self.context.hub.online(&ids).await;
        let online: HashMap<_, _> = ids.into_iter().zip(online).collect();
        let now = self.context.now();
        let page = cursors.page(rows, limit, log, |row| row.friend.to_string());
        Ok(page.map(|row| {
            let user = &users[&row.friend];
            let presence = user.standing.seen_by_friend(online[&row.friend], hidden.contains(&row.friend));
            view(who, row, user.card(now), presence)
        }))
    }

    /// One friend.
    pub async fn get(&self, who: UserId, friend: UserId) -> Result<Friend> {
        let mut unit = self.context.read().await?;
        let row = unit.friends().get(who, friend).await?.ok_or(Code::NotFound)?;
        let user = account(&mut unit, friend).await?;
        let hidden = unit.blocks().get(friend, who).await?.is_some();
        drop(unit);
        let connected = self.context.hub.is_connected(friend).await;
        Ok(view(who, row, user.card(self.context.now()), user.standing.seen_by_friend(connected, hidden)))
    }

    /// Changes how one keeps a friend: what one calls him, and by what one sorts him. Nobody else sees it.
    pub async fn change(&self, who: UserId, friend: UserId, change: FriendChange) -> Result<Friend> {
        let connected = self.context.hub.is_connected(friend).await;
        let mut unit = self.context.write(&[who]).await?;
        let before = unit.friends().get(who, friend).await?.ok_or(Code::NotFound)?;
        let mut row = before.clone();
        change.remark.map(|remark| remark.0).apply(&mut row.remark);
        match change.labels {
            Change::Keep => {}
            Change::Clear => row.labels.clear(),
            Change::Set(labels) => row.labels = labels.0,
        }
        row.starred = change.starred.unwrap_or(row.starred);
        let view = seen(&self.context, &mut unit, who, &row, connected).await?;
        if row != before {
            unit.friends().set_remark(who, friend, row.remark.as_deref()).await?;
            unit.friends().set_labels(who, friend, &row.labels, row.starred).await?;
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
/// Returns how each sees the other. Whether they are connected was asked before anything was locked.
pub(super) async fn befriend(
    context: &Context,
    unit: &mut Unit,
    [(a, a_there), (b, b_there)]: [(UserId, bool); 2],
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
    let row = |friend| Friendship::new(friend, now);
    let a_sees = seen(context, unit, a, &row(b), b_there).await?;
    let b_sees = seen(context, unit, b, &row(a), a_there).await?;
    unit.tell(a, event(Kind::FRIEND_ADDED, &a_sees)?, now).await?;
    unit.tell(b, event(Kind::FRIEND_ADDED, &b_sees)?, now).await?;
    Ok((a_sees, b_sees))
}

/// One friend as `who` sees him.
async fn seen(context: &Context, unit: &mut Unit, who: UserId, row: &Friendship, connected: bool) -> Result<Friend> {
    let user = account(unit, row.friend).await?;
    let hidden = unit.blocks().get(row.friend, who).await?.is_some();
    Ok(view(who, row.clone(), user.card(context.now()), user.standing.seen_by_friend(connected, hidden)))
}

fn view(who: UserId, row: Friendship, user: UserCard, presence: Presence) -> Friend {
    Friend {
        user,
        remark: row.remark,
        labels: row.labels,
        starred: row.starred,
        // Nobody is a friend of himself, so the pair always has a room.
        room: RoomId::private(who, row.friend).unwrap_or(RoomId::Private(who, row.friend)),
        since: row.since,
        presence,
    }
}

async fn account(unit: &mut Unit, id: UserId) -> Result<User> {
    unit.users().get(id).await?.ok_or(Error::internal("an account that is referred to is gone"))
}

/// What others see of one account.
pub(super) async fn card(unit: &mut Unit, id: UserId, now: Millis) -> Result<UserCard> {
    Ok(account(unit, id).await?.card(now))
}

/// What others see of accounts that exist.
pub(super) async fn cards(
    unit: &mut Unit,
    ids: impl Iterator<Item = UserId>,
    now: Millis,
) -> Result<HashMap<UserId, UserCard>> {
    let ids: Vec<_> = ids.collect();
    Ok(unit.users().list(&ids).await?.iter().map(|user| (user.id, user.card(now))).collect())
}
