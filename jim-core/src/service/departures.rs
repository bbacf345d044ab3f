//! Accounts that go: at once for themselves, and step by step for what they leave behind. Each step is a unit of its own
//! that may be done twice, and what is still to be done is stored, so that a crash only interrupts it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::friend_requests::withdraw;
use super::group_lock::lock;
use super::members::leave_for_good;
use super::messages::take_back;
use super::rooms::{self, standing};
use super::{Context, OfUser, codes, event, sessions};
use crate::error::{Error, Result};
use crate::id::{RoomId, Seq, UserId, WorldId};
use crate::model::code::Purpose;
use crate::model::departure::Departure;
use crate::model::friend::RequestStatus;
use crate::model::{Entry, Kind};
use crate::repo::{Slice, Unit};
use crate::time::Millis;

/// Friends, blocks or invitations that are taken away in one unit, and messages that are.
const TOGETHER: u16 = 32;
/// Entries of a room that are looked at together.
const PAGE: u16 = 256;
/// Steps in one room before the others have their turn.
const STEPS: usize = 16;
/// How long the answer waits until friends and groups know.
const LEAVING: Duration = Duration::from_secs(2);
/// How long something that was begun before an account went may still be on its way: 6 s in a lane, and what it has
/// begun then has 3 s to begin at the database and 8 s there.
const LATE: Duration = Duration::from_secs(20);

/// Accounts that go.
#[derive(Clone)]
pub(super) struct Departures {
    context: Context,
}

impl Departures {
    pub(super) fn new(context: Context) -> Self {
        Departures { context }
    }

    /// What becomes of messages, in a word.
    pub(super) fn messages(&self) -> &'static str {
        if self.context.options.erase_deleted { "erase" } else { "keep" }
    }

    /// Deletes an account in a unit that locks it: answered, nobody is logged in or can log in. Friends, groups and
    /// requests know it no more within [`LEAVING`], or soon after. What it wrote goes later, where it goes at all.
    pub(super) async fn begin(&self, mut unit: Unit, user: UserId) -> Result<()> {
        let at = self.context.now();
        let mut left = vec![None];
        if self.context.options.erase_deleted {
            left.extend(rooms_of(&mut unit, user).await?.into_iter().map(Some));
        }
        for room in left {
            unit.departures().add(&Departure { user, room, seq: Seq::ZERO, at }).await?;
        }
        unit.users().forget(user).await?;
        unit.emails().remove(user).await?;
        unit.totp().remove(user).await?;
        unit.externals().remove(user).await?;
        unit.statuses().forget(user).await?;
        unit.codes().remove(Purpose::Email, &codes::of_user(user)).await?;
        unit.mails().forget(user).await?;
        unit.sessions().forget(user).await?;
        sessions::end_all(&self.context, unit, user, None).await?;
        // Goes on when the caller is gone or has waited long enough; what fails is done by the sweep.
        let context = self.context.clone();
        let leaving = tokio::spawn(async move {
            if let Err(error) = leave(&context, user, at).await {
                tracing::warn!(error.cause = ?error, "an account is gone and still has friends or groups; it will be tried again");
            }
        });
        if let Ok(Err(error)) = tokio::time::timeout(LEAVING, leaving).await {
            tracing::warn!(error.cause = %error, "an account is gone and still has friends or groups; it will be tried again");
        }
        Ok(())
    }

    /// Goes on with what is still to be done; called about once a second.
    pub(super) async fn sweep(&self) -> Result<()> {
        let all = self.context.read().await?.departures().list(u16::MAX).await?;
        for departure in all {
            let done = match departure.room {
                None => leave(&self.context, departure.user, departure.at).await,
                Some(room) => erase(&self.context, &departure, room).await,
            };
            if let Err(error) = done {
                tracing::warn!(error.cause = ?error, "what an account left behind is still there; it will be tried again");
            }
        }
        Ok(())
    }
}

/// Every room that somebody may have written in.
async fn rooms_of(unit: &mut Unit, user: UserId) -> Result<BTreeSet<RoomId>> {
    let mut rooms: BTreeSet<RoomId> = unit.conversations().list(user).await?.into_iter().map(|row| row.room).collect();
    rooms.extend(unit.members().former_of(user).await?.into_iter().map(RoomId::Group));
    rooms.insert(RoomId::World(WorldId::FIRST));
    Ok(rooms)
}

/// Takes an account that is gone out of everything but the logs. It is done when nothing can come late: what was begun
/// in its name before it went may still make a friend or a group.
async fn leave(context: &Context, user: UserId, at: Millis) -> Result<()> {
    leave_friends(context, user).await?;
    withdraw(context, user).await?;
    loop {
        let blocks = context.read().await?.blocks().list(user, None, TOGETHER).await?;
        if blocks.is_empty() {
            break;
        }
        let people: Vec<_> = blocks.iter().map(|row| row.blocked).chain([user]).collect();
        let mut unit = context.write(&people).await?;
        for row in blocks {
            unit.blocks().remove(user, row.blocked).await?;
        }
        context.logs.finish(unit).await?;
    }
    leave_groups(context, user).await?;
    let mut unit = context.write(&[user]).await?;
    unit.user_log().clear(user).await?;
    if context.now() > at.plus(LATE) {
        unit.departures().remove(user, None).await?;
    }
    context.logs.finish(unit).await
}

async fn leave_friends(context: &Context, user: UserId) -> Result<()> {
    loop {
        let friends = context.read().await?.friends().list(user, None, TOGETHER).await?;
        if friends.is_empty() {
            return Ok(());
        }
        let people: Vec<_> = friends.iter().map(|row| row.friend).chain([user]).collect();
        let mut unit = context.write(&people).await?;
        let now = context.now();
        for row in friends {
            if unit.friends().remove(user, row.friend).await? {
                unit.tell(row.friend, event(Kind::FRIEND_REMOVED, &OfUser { user_id: user })?, now).await?;
            }
        }
        context.logs.finish(unit).await?;
    }
}

/// Out of every group, those that have ended too, and out of every way into one.
async fn leave_groups(context: &Context, user: UserId) -> Result<()> {
    loop {
        let waiting = context.read().await?.invitations().list(user, None, TOGETHER).await?;
        if waiting.is_empty() {
            break;
        }
        for row in waiting {
            let mut unit = lock(context, &[user], row.group).await?;
            unit.invitations().remove(row.id).await?;
            context.logs.finish(unit).await?;
        }
    }
    let asked = context.read().await?.join_requests().list_of(user).await?;
    for row in asked {
        let mut unit = lock(context, &[user], row.group).await?;
        unit.join_requests().decide(row.id, RequestStatus::Rejected).await?;
        context.logs.finish(unit).await?;
    }
    let rooms = context.read().await?.conversations().list(user).await?;
    for row in rooms {
        if let RoomId::Group(group) = row.room {
            leave_for_good(context, user, group).await?;
        }
    }
    Ok(())
}

/// Erases some of what an account that is gone wrote in a room. It is done when the end of the log is reached and
/// nothing can come late.
async fn erase(context: &Context, departure: &Departure, room: RoomId) -> Result<()> {
    let Departure { user, mut seq, at, .. } = *departure;
    for _ in 0..STEPS {
        let entries = context.logs.rooms.read(&room, Slice::After(seq), PAGE).await?;
        let written = entries.iter().filter(|entry| entry.by == user && entry.is_message());
        let own: Vec<_> = written.take(TOGETHER.into()).cloned().collect();
        let part = own.len() == usize::from(TOGETHER);
        let last = if part { own.last() } else { entries.last() }.map(|entry| entry.seq);
        if let Some(last) = last {
            take_all_back(context, user, room, &own, last).await?;
            seq = last;
        }
        if !part && entries.len() < usize::from(PAGE) {
            if context.now() > at.plus(LATE) {
                let mut unit = context.write(&[]).await?;
                unit.departures().remove(user, Some(&room)).await?;
                context.logs.finish(unit).await?;
            }
            return Ok(());
        }
    }
    Ok(())
}

async fn take_all_back(context: &Context, user: UserId, room: RoomId, own: &[Arc<Entry>], last: Seq) -> Result<()> {
    let now = context.now();
    let ended = has_ended(&mut context.read().await?, &room).await?;
    if ended {
        // Its log has ended too, and says nothing any more. Before the unit: a log may not wait for one.
        for entry in own {
            let stub = serde_json::value::to_raw_value(&entry.retracted(user, now));
            let stub = stub.map_err(|error| Error::Internal(error.into()))?;
            context.logs.rooms.erase(&room, entry.seq, &stub).await?;
        }
    }
    let mut unit = rooms::lock(context, &room).await?;
    if !ended {
        if has_ended(&mut unit, &room).await? {
            return Err(rooms::late());
        }
        for entry in own {
            let entry = standing(context, &mut unit, &room, entry.seq).await?;
            if let Some(entry) = entry.filter(Entry::is_message) {
                take_back(&mut unit, &entry, user, now).await?;
            }
        }
    }
    unit.departures().set_seq(user, &room, last).await?;
    context.logs.finish(unit).await
}

async fn has_ended(unit: &mut Unit, room: &RoomId) -> Result<bool> {
    let RoomId::Group(id) = *room else { return Ok(false) };
    Ok(unit.groups().get(id).await?.is_none_or(|group| group.dissolved_at.is_some()))
}
