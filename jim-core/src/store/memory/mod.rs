//! Every storage port in memory, for tests of rules and of hosts. Nothing outlives the process.

mod audit;
mod blacklist;
mod blocks;
mod codes;
mod conversations;
mod departures;
mod emails;
mod externals;
mod friend_requests;
mod friends;
mod groups;
mod hidden;
mod invitations;
mod join_requests;
mod mails;
mod members;
mod outbox;
mod pins;
mod presence;
mod private_rights;
mod room_log;
mod sessions;
mod settings;
mod spent;
mod statuses;
mod totp;
mod user_log;
mod users;
mod worlds;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::id::{GroupId, Seq, UserId};
use crate::repo::{Lock, PrivateRights, RepoError, Res, Slice, Store, Tx, Unit};

pub use presence::MemoryPresence;
pub use room_log::MemoryRoomLog;

/// The relational side. One unit writes at a time, on a copy that its commit puts in place; readers keep the copy
/// they began with.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: RwLock<Arc<State>>,
    gate: Arc<Mutex<()>>,
}

#[derive(Clone, Default)]
struct State {
    users: users::Users,
    sessions: sessions::Sessions,
    friends: friends::Friends,
    friend_requests: friend_requests::FriendRequests,
    blocks: blocks::Blocks,
    groups: groups::Groups,
    members: members::Members,
    blacklist: blacklist::Blacklist,
    invitations: invitations::Invitations,
    join_requests: join_requests::JoinRequests,
    conversations: conversations::Conversations,
    user_logs: user_log::UserLogs,
    outbox: outbox::Outbox,
    settings: settings::Settings,
    hidden: hidden::Hidden,
    pins: pins::Pins,
    worlds: worlds::Worlds,
    spent: spent::Spent,
    externals: externals::Externals,
    emails: emails::Emails,
    codes: codes::Codes,
    mails: mails::Mails,
    totp: totp::Totp,
    audit: audit::Audit,
    departures: departures::Departures,
}

/// A transaction; one that only reads has no place to put its copy.
struct MemoryTx {
    state: Arc<State>,
    target: Option<(Arc<Shared>, OwnedMutexGuard<()>)>,
}

impl MemoryStore {
    fn state(&self) -> Arc<State> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl MemoryTx {
    /// The unit's own copy, made when it is first needed.
    fn change(&mut self) -> &mut State {
        Arc::make_mut(&mut self.state)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn read(&self) -> Res<Unit> {
        Ok(Unit::new(Box::new(MemoryTx { state: self.state(), target: None }), &[]))
    }

    async fn write(&self, locks: &[Lock]) -> Res<Unit> {
        let turn = self.0.gate.clone().lock_owned().await;
        let tx = MemoryTx { state: self.state(), target: Some((self.0.clone(), turn)) };
        Ok(Unit::new(Box::new(tx), locks))
    }

    async fn private_rights(&self, asks: &[(UserId, UserId)]) -> Res<Vec<PrivateRights>> {
        let state = self.state();
        Ok(asks.iter().map(|(writer, other)| state.private_rights(*writer, *other)).collect())
    }

    async fn ping(&self) -> Res<()> {
        Ok(())
    }
}

#[async_trait]
impl Tx for MemoryTx {
    async fn commit(self: Box<Self>) -> Res<()> {
        if let Some((shared, _turn)) = self.target {
            *shared.state.write().unwrap_or_else(PoisonError::into_inner) = self.state;
        }
        Ok(())
    }
}

/// The next of a row of ids; one that was given is never given again.
fn next_id(last: &mut i64) -> i64 {
    *last += 1;
    *last
}

/// What a group has, by the person it is about.
fn of_group<T: Clone>(
    rows: &BTreeMap<(GroupId, UserId), T>,
    group: GroupId,
    after: Option<UserId>,
    limit: u16,
) -> Vec<T> {
    let above = Bound::Excluded((group, after.unwrap_or(UserId::SYSTEM)));
    let of = rows.range((above, Bound::Unbounded)).take_while(|((of, _), _)| *of == group);
    of.take(limit.into()).map(|(_, row)| row.clone()).collect()
}

fn number(count: usize) -> Res<u32> {
    u32::try_from(count).map_err(|error| RepoError::Broken(error.into()))
}

/// The part of a log that a slice names, in ascending order.
fn slice<T: Clone>(log: &BTreeMap<Seq, T>, slice: Slice<'_>, limit: u16) -> Vec<T> {
    let limit = usize::from(limit);
    match slice {
        Slice::After(seq) => {
            log.range((Bound::Excluded(seq), Bound::Unbounded)).take(limit).map(|(_, entry)| entry.clone()).collect()
        }
        Slice::Before(seq) => {
            let mut last: Vec<T> = log.range(..seq).rev().take(limit).map(|(_, entry)| entry.clone()).collect();
            last.reverse();
            last
        }
        Slice::Only(seqs) => {
            let seqs: BTreeSet<_> = seqs.iter().collect();
            seqs.into_iter().filter_map(|seq| log.get(seq)).take(limit).cloned().collect()
        }
    }
}
