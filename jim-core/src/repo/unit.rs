use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{
    AuditRepo, BlacklistRepo, BlockRepo, CodeRepo, ConversationRepo, DepartureRepo, EmailRepo, ExternalRepo,
    FriendRepo, FriendRequestRepo, GroupRepo, HiddenRepo, InvitationRepo, JoinRequestRepo, MailRepo, MemberRepo,
    OutboxRepo, PinRepo, RepoError, Res, SessionRepo, SettingRepo, SpentRepo, StatusRepo, StoredSession, Task,
    TotpRepo, UserEvent, UserLogRepo, UserRepo, WorldRepo,
};
use crate::id::{GroupId, OutboxId, RoomId, Seq, UserId, WorldId};
use crate::model::entry::UserEntry;
use crate::model::group::GroupRow;
use crate::model::user::UserState;
use crate::secret::TokenHash;
use crate::time::Millis;

/// What a unit locks before it reads: nobody else changes it until the unit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lock {
    /// A person. A private room is locked by both of its people.
    User(UserId),
    /// A group with its members, its blacklist and its room.
    Group(GroupId),
    /// A world channel with its mutes and its room.
    World(WorldId),
}

/// Whether a message can reach somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// There is no such account.
    Absent,
    /// The account is switched off.
    Disabled,
    /// The account is in use.
    Active,
}

/// All that decides whether one person may write to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "five independent facts; their table is `service/permission.rs`")]
pub struct PrivateRights {
    /// The other.
    pub peer: PeerState,
    /// They are friends.
    pub friends: bool,
    /// The writer blocks the other.
    pub blocks: bool,
    /// The other blocks the writer.
    pub blocked: bool,
    /// Both have a row of the room, so that it may be written to.
    pub open: bool,
}

/// The relational side of storage.
#[async_trait]
pub trait Store: Send + Sync {
    /// A unit that only reads, all of it from one moment.
    async fn read(&self) -> Res<Unit>;
    /// A unit that may write. Locks are taken here, sorted, before anything is read.
    async fn write(&self, locks: &[Lock]) -> Res<Unit>;
    /// What each (writer, other) may do, as committed when the call was made, in the order asked.
    async fn private_rights(&self, asks: &[(UserId, UserId)]) -> Res<Vec<PrivateRights>>;
    /// The same of one pair, where it is known without asking and is what [`Store::private_rights`] would answer now.
    /// For adapters that see every change; others know nothing.
    fn known_private_rights(&self, _writer: UserId, _other: UserId) -> Option<PrivateRights> {
        None
    }
    /// The log-in whose current or previous access token this is, and the state of its owner's account if there is
    /// one, both of one moment.
    async fn session_by_access(&self, hash: &TokenHash) -> Res<Option<(StoredSession, Option<UserState>)>> {
        let mut unit = self.read().await?;
        let Some(stored) = unit.sessions().find_by_access(hash).await? else { return Ok(None) };
        let owner = unit.users().get(stored.session.user).await?;
        Ok(Some((stored, owner.map(|user| user.state))))
    }
    /// Forgets what is known of rights without asking: another process may have switched an account off or on.
    fn forget_rights(&self) {}
    /// Whether storage answers.
    async fn ping(&self) -> Res<()>;
    /// The time by the clock that all nodes of this storage share; `None` where there is one node, and its clock is
    /// good enough.
    async fn now(&self) -> Res<Option<Millis>> {
        Ok(None)
    }
    /// Upkeep that is not done on anybody's time; called about once a second.
    async fn maintain(&self) -> Res<()> {
        Ok(())
    }
}

/// What an adapter implements: every repository on one transaction.
#[async_trait]
pub trait Tx:
    UserRepo
    + StatusRepo
    + SessionRepo
    + FriendRepo
    + FriendRequestRepo
    + BlockRepo
    + GroupRepo
    + MemberRepo
    + BlacklistRepo
    + InvitationRepo
    + JoinRequestRepo
    + ConversationRepo
    + HiddenRepo
    + PinRepo
    + WorldRepo
    + UserLogRepo
    + OutboxRepo
    + SettingRepo
    + SpentRepo
    + ExternalRepo
    + EmailRepo
    + CodeRepo
    + MailRepo
    + TotpRepo
    + AuditRepo
    + DepartureRepo
    + Send
{
    /// Makes everything durable. Dropped without it, a transaction leaves no trace.
    async fn commit(self: Box<Self>) -> Res<()>;
}

/// A transaction with every repository, and a memory of whom it told what.
pub struct Unit {
    tx: Box<dyn Tx>,
    locks: Vec<Lock>,
    told: Vec<UserEntry>,
    rooms: BTreeSet<RoomId>,
}

/// What a committed unit still owes the world.
#[must_use = "users are told and rooms are drained after the commit"]
#[derive(Debug)]
pub struct Committed(pub Told);

/// Whom a unit told what, and which rooms have tasks.
#[derive(Debug, Default)]
pub struct Told {
    /// Entries of user logs, to be published.
    pub users: Vec<UserEntry>,
    /// Rooms that may have tasks in the outbox: those that the unit owes something, and those that it locked, because
    /// what another unit owes may be what this one found done.
    pub rooms: BTreeSet<RoomId>,
}

impl Unit {
    /// A unit over an adapter's transaction.
    #[must_use]
    pub fn new(tx: Box<dyn Tx>, locks: &[Lock]) -> Self {
        Unit { tx, locks: locks.to_vec(), told: Vec::new(), rooms: BTreeSet::new() }
    }

    /// Accounts.
    pub fn users(&mut self) -> &mut dyn UserRepo {
        &mut *self.tx
    }

    /// Whether people are to be seen.
    pub fn statuses(&mut self) -> &mut dyn StatusRepo {
        &mut *self.tx
    }

    /// Log-ins.
    pub fn sessions(&mut self) -> &mut dyn SessionRepo {
        &mut *self.tx
    }

    /// Friendships.
    pub fn friends(&mut self) -> &mut dyn FriendRepo {
        &mut *self.tx
    }

    /// Friend requests.
    pub fn friend_requests(&mut self) -> &mut dyn FriendRequestRepo {
        &mut *self.tx
    }

    /// Blocks.
    pub fn blocks(&mut self) -> &mut dyn BlockRepo {
        &mut *self.tx
    }

    /// Groups.
    pub fn groups(&mut self) -> &mut dyn GroupRepo {
        &mut *self.tx
    }

    /// Members of groups.
    pub fn members(&mut self) -> &mut dyn MemberRepo {
        &mut *self.tx
    }

    /// Who may not come into groups.
    pub fn blacklist(&mut self) -> &mut dyn BlacklistRepo {
        &mut *self.tx
    }

    /// Invitations into groups.
    pub fn invitations(&mut self) -> &mut dyn InvitationRepo {
        &mut *self.tx
    }

    /// Requests to join groups.
    pub fn join_requests(&mut self) -> &mut dyn JoinRequestRepo {
        &mut *self.tx
    }

    /// What people keep about rooms.
    pub fn conversations(&mut self) -> &mut dyn ConversationRepo {
        &mut *self.tx
    }

    /// What people have deleted for themselves.
    pub fn hidden(&mut self) -> &mut dyn HiddenRepo {
        &mut *self.tx
    }

    /// Pins of rooms.
    pub fn pins(&mut self) -> &mut dyn PinRepo {
        &mut *self.tx
    }

    /// World channels.
    pub fn worlds(&mut self) -> &mut dyn WorldRepo {
        &mut *self.tx
    }

    /// User logs, for reading; to append, [`Unit::tell`].
    pub fn user_log(&mut self) -> &mut dyn UserLogRepo {
        &mut *self.tx
    }

    /// Outbox tasks; to leave one, [`Unit::owe`].
    pub fn outbox(&mut self) -> &mut dyn OutboxRepo {
        &mut *self.tx
    }

    /// Shared values.
    pub fn settings(&mut self) -> &mut dyn SettingRepo {
        &mut *self.tx
    }

    /// What is good once and was used.
    pub fn spent(&mut self) -> &mut dyn SpentRepo {
        &mut *self.tx
    }

    /// Whom the host knows.
    pub fn externals(&mut self) -> &mut dyn ExternalRepo {
        &mut *self.tx
    }

    /// Addresses of people.
    pub fn emails(&mut self) -> &mut dyn EmailRepo {
        &mut *self.tx
    }

    /// Codes that were sent.
    pub fn codes(&mut self) -> &mut dyn CodeRepo {
        &mut *self.tx
    }

    /// Mails on their way.
    pub fn mails(&mut self) -> &mut dyn MailRepo {
        &mut *self.tx
    }

    /// Second factors.
    pub fn totp(&mut self) -> &mut dyn TotpRepo {
        &mut *self.tx
    }

    /// What administrators did.
    pub fn audit(&mut self) -> &mut dyn AuditRepo {
        &mut *self.tx
    }

    /// What accounts that are gone have left behind.
    pub fn departures(&mut self) -> &mut dyn DepartureRepo {
        &mut *self.tx
    }

    /// Appends to a person's log in this transaction; the person must be locked.
    pub async fn tell(&mut self, user: UserId, event: UserEvent, at: Millis) -> Res<Seq> {
        self.demand(Lock::User(user))?;
        let entry = self.user_log().append(user, &event, at).await?;
        let seq = entry.seq;
        self.told.push(entry);
        Ok(seq)
    }

    /// Leaves a task for a room's log in this transaction; the room must be locked.
    pub async fn owe(&mut self, room: &RoomId, task: &Task, at: Millis) -> Res<OutboxId> {
        match *room {
            RoomId::Private(a, b) => {
                self.demand(Lock::User(a))?;
                self.demand(Lock::User(b))?;
            }
            RoomId::Group(group) => self.demand(Lock::Group(group))?,
            RoomId::World(world) => self.demand(Lock::World(world))?,
        }
        self.rooms.insert(*room);
        self.outbox().add(room, task, at).await
    }

    /// Says that this unit locks a private room, which its locks alone do not tell: whether it owes the room something
    /// or not, the room is drained after the commit.
    pub fn holds(&mut self, room: RoomId) {
        self.rooms.insert(room);
    }

    /// Adds a group, which is this unit's alone until it is committed, and so counts as locked.
    pub async fn add_group(&mut self, group: &GroupRow) -> Res<GroupId> {
        let id = self.groups().add(group).await?;
        self.locks.push(Lock::Group(id));
        Ok(id)
    }

    /// Makes everything durable.
    pub async fn commit(self) -> Res<Committed> {
        self.tx.commit().await?;
        let mut rooms = self.rooms;
        for lock in &self.locks {
            match *lock {
                Lock::Group(group) => rooms.insert(RoomId::Group(group)),
                Lock::World(world) => rooms.insert(RoomId::World(world)),
                Lock::User(_) => continue,
            };
        }
        Ok(Committed(Told { users: self.told, rooms }))
    }

    fn demand(&self, lock: Lock) -> Res<()> {
        if self.locks.contains(&lock) { Ok(()) } else { Err(RepoError::Broken("a lock is missing".into())) }
    }
}
