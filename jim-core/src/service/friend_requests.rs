//! Friend requests.

use super::friends::{befriend, card, cards};
use super::{Context, event, permission};
use crate::error::{Code, Error, Result};
use crate::id::{FriendRequestId, UserId};
use crate::model::friend::{Direction, Friend, FriendRequest, Note, RequestRow, RequestStatus};
use crate::model::user::UserState;
use crate::model::{Kind, UserCard};
use crate::page::{Cursors, Page};
use crate::repo::{NewRequest, PeerState, PrivateRights, Unit};
use crate::time::Millis;

/// Requests that are read at once.
const PAGE: u16 = 100;

/// Friend requests.
#[derive(Clone)]
pub struct FriendRequests {
    context: Context,
}

/// What became of a request.
#[derive(Debug, Clone)]
pub struct Requested(pub FriendRequest);

impl FriendRequests {
    pub(crate) fn new(context: Context) -> Self {
        FriendRequests { context }
    }

    /// Asks somebody to be friends. Two requests that cross make a friendship.
    pub async fn request(&self, who: UserId, to: UserId, note: Option<Note>) -> Result<Requested> {
        if who == to {
            return Err(Code::FriendSelf.into());
        }
        let there = self.there([who, to]).await;
        let mut unit = self.context.write(&[who, to]).await?;
        let rights = rights(&mut unit, who, to).await?;
        let muffled = permission::request_friend(&rights, self.context.options.pretend_when_blocked)?;
        if unit.friend_requests().find_pending(who, to).await?.is_some() {
            return Err(Code::FriendRequestDuplicate.into());
        }
        let now = self.context.now();
        let note = note.map(|note| note.0);
        if let Some(mut crossing) =
            unit.friend_requests().find_pending(to, who).await?.filter(|row| !row.muffled && !muffled)
        {
            crossing.status = RequestStatus::Accepted;
            befriend(&self.context, &mut unit, there, None, now).await?;
            let seen = seen(&mut unit, crossing, self.context.now()).await?;
            self.context.logs.finish(unit).await?;
            return Ok(Requested(seen));
        }
        let new = NewRequest { from: who, to, note: note.clone(), muffled, at: now };
        let id = unit.friend_requests().add(&new).await?;
        let status = RequestStatus::Pending;
        let row = RequestRow { id, from: who, to, note, status, reason: None, muffled, created_at: now };
        let seen = seen(&mut unit, row, self.context.now()).await?;
        let told = event(Kind::FRIEND_REQUESTED, &seen)?;
        unit.tell(who, told.clone(), now).await?;
        if !muffled {
            unit.tell(to, told, now).await?;
        }
        self.context.logs.finish(unit).await?;
        Ok(Requested(seen))
    }

    /// One's requests, newest first.
    pub async fn list(
        &self,
        who: UserId,
        direction: Direction,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<FriendRequest>> {
        let cursors = Cursors::new(&self.context.key, format!("friend-requests:{who}:{direction:?}"));
        let before = cursors.read(cursor)?;
        let mut unit = self.context.read().await?;
        let rows = unit.friend_requests().list(who, direction, before, limit + 1).await?;
        let cards = cards(&mut unit, rows.iter().flat_map(|row| [row.from, row.to]), self.context.now()).await?;
        let log = unit.user_log().head(who).await?;
        let page = cursors.page(rows, limit, log, |row| row.id.to_string());
        Ok(page.map(|row| view(cards[&row.from].clone(), cards[&row.to].clone(), row)))
    }

    /// Accepts a request made to the caller; both are friends then, and greeted.
    pub async fn accept(&self, who: UserId, id: FriendRequestId, greeting: Option<Note>) -> Result<Friend> {
        let from = Self::waiting(&mut self.context.read().await?, who, id).await?.from;
        let there = self.there([who, from]).await;
        let (mut unit, row) = self.answer(who, id).await?;
        let rights = rights(&mut unit, who, row.from).await?;
        match rights {
            PrivateRights { blocks: true, .. } => return Err(Code::FriendBlocked.into()),
            PrivateRights { blocked: true, .. } => return Err(Code::FriendRefused.into()),
            PrivateRights { peer: PeerState::Absent | PeerState::Disabled, .. } => {
                return Err(Code::UserUnavailable.into());
            }
            PrivateRights { friends: true, .. } => return Err(Code::FriendExists.into()),
            PrivateRights { .. } => {}
        }
        let now = self.context.now();
        let greeting = greeting.map(|note| note.0);
        let (friend, _) = befriend(&self.context, &mut unit, there, greeting, now).await?;
        self.context.logs.finish(unit).await?;
        Ok(friend)
    }

    /// Declines a request made to the caller; both sides are told.
    pub async fn reject(&self, who: UserId, id: FriendRequestId, reason: Option<Note>) -> Result<FriendRequest> {
        let (mut unit, mut row) = self.answer(who, id).await?;
        row.status = RequestStatus::Rejected;
        row.reason = reason.map(|note| note.0);
        unit.friend_requests().decide(id, row.status, row.reason.as_deref()).await?;
        let from = row.from;
        let seen = seen(&mut unit, row, self.context.now()).await?;
        let told = event(Kind::FRIEND_REJECTED, &seen)?;
        let now = self.context.now();
        unit.tell(who, told.clone(), now).await?;
        unit.tell(from, told, now).await?;
        self.context.logs.finish(unit).await?;
        Ok(seen)
    }

    /// Takes back a request that the caller made; nothing happens where there is none.
    pub async fn cancel(&self, who: UserId, id: FriendRequestId) -> Result<()> {
        let found = self.context.read().await?.friend_requests().get(id).await?.filter(|row| row.from == who);
        let Some(found) = found else { return Ok(()) };
        let mut unit = self.context.write(&[who, found.to]).await?;
        let Some(row) = unit.friend_requests().get(id).await? else { return Ok(()) };
        if row.status != RequestStatus::Pending {
            return Err(Code::FriendRequestDecided.into());
        }
        unit.friend_requests().remove(id).await?;
        let (to, muffled) = (row.to, row.muffled);
        let told = event(Kind::FRIEND_CANCELLED, &seen(&mut unit, row, self.context.now()).await?)?;
        let now = self.context.now();
        unit.tell(who, told.clone(), now).await?;
        if !muffled {
            unit.tell(to, told, now).await?;
        }
        self.context.logs.finish(unit).await
    }

    /// Whether two people are connected, each with his id.
    async fn there(&self, people: [UserId; 2]) -> [(UserId, bool); 2] {
        let online = self.context.hub.online(&people).await;
        std::array::from_fn(|at| (people[at], online[at]))
    }

    /// A request that was made to the caller and that he knows of.
    async fn waiting(unit: &mut Unit, who: UserId, id: FriendRequestId) -> Result<RequestRow> {
        let row = unit.friend_requests().get(id).await?.filter(|row| row.to == who && !row.muffled);
        Ok(row.ok_or(Code::NotFound)?)
    }

    /// A unit that locks both sides of a pending request that was made to the caller.
    async fn answer(&self, who: UserId, id: FriendRequestId) -> Result<(Unit, RequestRow)> {
        let found = Self::waiting(&mut self.context.read().await?, who, id).await?;
        let mut unit = self.context.write(&[who, found.from]).await?;
        let row = Self::waiting(&mut unit, who, id).await?;
        if row.status != RequestStatus::Pending {
            return Err(Code::FriendRequestDecided.into());
        }
        Ok((unit, row))
    }
}

/// Takes back what somebody asked who is gone, and declines what he was asked.
pub(super) async fn withdraw(context: &Context, who: UserId) -> Result<()> {
    for direction in [Direction::Out, Direction::In] {
        let mut before = None;
        loop {
            let rows = context.read().await?.friend_requests().list(who, direction, before, PAGE).await?;
            let Some(last) = rows.last() else { break };
            before = Some(last.id);
            for row in rows.into_iter().filter(|row| row.status == RequestStatus::Pending) {
                withdraw_one(context, direction, row).await?;
            }
        }
    }
    Ok(())
}

async fn withdraw_one(context: &Context, direction: Direction, row: RequestRow) -> Result<()> {
    let mut unit = context.write(&[row.from, row.to]).await?;
    let found = unit.friend_requests().get(row.id).await?;
    let Some(mut row) = found.filter(|row| row.status == RequestStatus::Pending) else { return Ok(()) };
    let (other, muffled) = (if direction == Direction::Out { row.to } else { row.from }, row.muffled);
    let kind = match direction {
        Direction::Out => {
            unit.friend_requests().remove(row.id).await?;
            Kind::FRIEND_CANCELLED
        }
        Direction::In => {
            row.status = RequestStatus::Rejected;
            unit.friend_requests().decide(row.id, row.status, None).await?;
            Kind::FRIEND_REJECTED
        }
    };
    if !muffled {
        let told = event(kind, &seen(&mut unit, row, context.now()).await?)?;
        unit.tell(other, told, context.now()).await?;
    }
    context.logs.finish(unit).await
}

/// What decides between two people, read in the unit that locks them.
pub(super) async fn rights(unit: &mut Unit, who: UserId, peer: UserId) -> Result<PrivateRights> {
    let state = unit.users().get(peer).await?.map(|user| user.state);
    Ok(PrivateRights {
        peer: match state {
            None => PeerState::Absent,
            Some(UserState::Active) => PeerState::Active,
            Some(UserState::Disabled | UserState::Deleted) => PeerState::Disabled,
        },
        friends: unit.friends().get(who, peer).await?.is_some(),
        blocks: unit.blocks().get(who, peer).await?.is_some(),
        blocked: unit.blocks().get(peer, who).await?.is_some(),
        open: true,
    })
}

async fn seen(unit: &mut Unit, row: RequestRow, now: Millis) -> Result<FriendRequest, Error> {
    Ok(view(card(unit, row.from, now).await?, card(unit, row.to, now).await?, row))
}

fn view(from: UserCard, to: UserCard, row: RequestRow) -> FriendRequest {
    FriendRequest {
        id: row.id,
        from,
        to,
        note: row.note,
        status: row.status,
        reason: row.reason,
        created_at: row.created_at,
    }
}
