use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use async_trait::async_trait;
use jim_core::id::{
    AuditId, FriendRequestId, GroupId, InvitationId, JoinRequestId, OutboxId, RoomId, Seq, SessionId, UserId, WorldId,
};
use jim_core::model::audit::{AuditFilter, AuditRow};
use jim_core::model::block::BlockRow;
use jim_core::model::conversation::{ConversationRow, Mark, Reader};
use jim_core::model::departure::Departure;
use jim_core::model::entry::UserEntry;
use jim_core::model::friend::{Direction, FriendFilter, Friendship, RequestRow, RequestStatus};
use jim_core::model::group::{Blacklisted, Former, GroupRow, MemberRow};
use jim_core::model::joining::{InvitationRow, JoinRequestRow};
use jim_core::model::pin::PinRow;
use jim_core::model::user::{AccountRole, UserState};
use jim_core::model::world::WorldRow;
use jim_core::model::{ClientRef, Session, Status, User};
use jim_core::repo::{
    AuditRepo, BlacklistRepo, BlockRepo, ConversationRepo, Credentials, DepartureRepo, ExternalRepo, FriendRepo,
    FriendRequestRepo, GroupRepo, HiddenRepo, InvitationRepo, JoinRequestRepo, Lock, MemberRepo, NewRequest,
    NewSession, NewUser, OutboxRepo, PinRepo, PrivateRights, Res, SessionRepo, SessionTokens, SettingRepo, Slice,
    SpentRepo, StatusRepo, Store, StoredSession, Task, Ticket, Tx, Unit, UserEvent, UserLogRepo, UserRepo, WorldRepo,
};
use jim_core::secret::TokenHash;
use jim_core::time::Millis;

use super::Fault;

/// A store with one fault.
pub(super) struct BrokenStore {
    pub(super) store: Arc<dyn Store>,
    pub(super) fault: Fault,
}

/// A transaction of that store, around a sound one.
struct BrokenTx {
    unit: Option<Unit>,
    store: Arc<dyn Store>,
    writes: bool,
    fault: Fault,
}

impl BrokenStore {
    fn unit(&self, unit: Unit, locks: &[Lock], writes: bool) -> Unit {
        let tx = BrokenTx { unit: Some(unit), store: self.store.clone(), writes, fault: self.fault };
        Unit::new(Box::new(tx), locks)
    }
}

#[async_trait]
impl Store for BrokenStore {
    async fn read(&self) -> Res<Unit> {
        Ok(self.unit(self.store.read().await?, &[], false))
    }

    async fn write(&self, locks: &[Lock]) -> Res<Unit> {
        Ok(self.unit(self.store.write(locks).await?, locks, true))
    }

    async fn private_rights(&self, asks: &[(UserId, UserId)]) -> Res<Vec<PrivateRights>> {
        let mut answers = self.store.private_rights(asks).await?;
        match self.fault {
            Fault::RightsOutOfOrder => answers.reverse(),
            Fault::BlocksSwapped => answers.iter_mut().for_each(|rights| {
                std::mem::swap(&mut rights.blocks, &mut rights.blocked);
            }),
            Fault::OpenByOneRow => {
                let mut unit = self.store.read().await?;
                for (rights, (writer, other)) in answers.iter_mut().zip(asks) {
                    let room = RoomId::private(*writer, *other).unwrap();
                    rights.open = unit.conversations().get(*writer, &room).await?.is_some();
                }
            }
            _ => {}
        }
        Ok(answers)
    }

    async fn ping(&self) -> Res<()> {
        self.store.ping().await
    }
}

impl BrokenTx {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    async fn unit(&mut self) -> Res<&mut Unit> {
        if self.is(Fault::ReadsMove) && !self.writes {
            self.unit = Some(self.store.read().await?);
        }
        Ok(self.unit.as_mut().unwrap())
    }
}

impl Drop for BrokenTx {
    fn drop(&mut self) {
        if let Some(unit) = self.unit.take().filter(|_| self.is(Fault::DropCommits)) {
            let done = pin!(unit.commit()).poll(&mut Context::from_waker(Waker::noop()));
            assert!(done.is_ready(), "a commit in memory waits for nobody");
        }
    }
}

#[async_trait]
impl Tx for BrokenTx {
    async fn commit(mut self: Box<Self>) -> Res<()> {
        self.unit.take().unwrap().commit().await.map(drop)
    }
}

/// Implements a repository by the sound one; a method with a body may answer first.
macro_rules! repo {
    ($me:ident: $repo:ident by $noun:ident {
        $(fn $name:ident($($arg:ident: $type:ty),*) -> $answer:ty; $($first:block)?)+
    }) => {
        #[async_trait]
        impl $repo for BrokenTx {
            $(async fn $name(&mut self, $($arg: $type),*) -> Res<$answer> {
                $({
                    let $me = &mut *self;
                    $first
                })?
                self.unit().await?.$noun().$name($($arg),*).await
            })+
        }
    };
}

mod mail;

repo! { me: UserRepo by users {
    fn add(user: &NewUser) -> UserId; {
        if me.is(Fault::TakenNameGiven)
            && let Some((taken, _)) = me.unit().await?.users().find_by_username(user.username.key()).await?
        {
            return Ok(taken.id);
        }
    }
    fn get(id: UserId) -> Option<User>;
    fn list(ids: &[UserId]) -> Vec<User>;
    fn find_by_username(key: &str) -> Option<(User, String)>;
    fn credentials(id: UserId) -> Option<Credentials>;
    fn find_by_nickname(prefix: &str, after: Option<UserId>, limit: u16) -> Vec<User>; {
        if me.is(Fault::PrefixIsAPattern) {
            let plain = prefix.split(['_', '%']).next().unwrap();
            return me.unit().await?.users().find_by_nickname(plain, after, limit).await;
        }
    }
    fn set_profile(user: &User) -> (); {
        if me.is(Fault::ProfileNeverCleared)
            && let Some(old) = me.unit().await?.users().get(user.id).await?
        {
            let mut user = user.clone();
            user.birth_date = user.birth_date.or(old.birth_date);
            return me.unit().await?.users().set_profile(&user).await;
        }
    }
    fn set_password(id: UserId, hash: &str) -> ();
    fn set_state(id: UserId, state: UserState) -> ();
    fn search(prefix: &str, role: Option<AccountRole>, after: Option<UserId>, limit: u16) -> Vec<User>;
    fn forget(id: UserId) -> ();
} }

repo! { me: SessionRepo by sessions {
    fn add(session: &NewSession) -> SessionId;
    fn get(id: SessionId) -> Option<StoredSession>;
    fn find_by_access(hash: &TokenHash) -> Option<StoredSession>; {
        if me.is(Fault::PreviousAccessForgotten) {
            let found = me.unit().await?.sessions().find_by_access(hash).await?;
            return Ok(found.filter(|found| found.tokens.access == *hash));
        }
    }
    fn find_by_refresh(hash: &TokenHash) -> Option<StoredSession>; {
        if me.is(Fault::OldRefreshForgotten) {
            let found = me.unit().await?.sessions().find_by_refresh(hash).await?;
            return Ok(found.filter(|found| found.tokens.refresh == *hash));
        }
    }
    fn list(user: UserId, now: Millis) -> Vec<Session>; {
        if me.is(Fault::SessionsOldestFirst) {
            let mut sessions = me.unit().await?.sessions().list(user, now).await?;
            sessions.reverse();
            return Ok(sessions);
        }
    }
    fn set_tokens(id: SessionId, tokens: &SessionTokens) -> ();
    fn set_used(id: SessionId) -> ();
    fn set_seen(seen: &[(SessionId, Millis)]) -> ();
    fn end(id: SessionId, at: Millis) -> bool; {
        if me.is(Fault::EndsTwice) {
            me.unit().await?.sessions().end(id, at).await?;
            return Ok(true);
        }
    }
    fn ended_since(at: Millis) -> Vec<SessionId>;
    fn add_ticket(ticket: &Ticket) -> ();
    fn forget_tickets(now: Millis) -> ();
    fn forget(user: UserId) -> ();
    fn get_ticket(hash: &TokenHash) -> Option<Ticket>;
    fn take_ticket(hash: &TokenHash) -> Option<Ticket>; {
        if me.is(Fault::TicketTwice) {
            let ticket = me.unit().await?.sessions().take_ticket(hash).await?;
            if let Some(ticket) = &ticket {
                me.unit().await?.sessions().add_ticket(ticket).await?;
            }
            return Ok(ticket);
        }
    }
} }

repo! { me: FriendRepo by friends {
    fn get(user: UserId, friend: UserId) -> Option<Friendship>;
    fn list(user: UserId, after: Option<UserId>, limit: u16) -> Vec<Friendship>; {
        if me.is(Fault::FriendsDownwards) {
            let mut friends = me.unit().await?.friends().list(user, after, limit).await?;
            friends.reverse();
            return Ok(friends);
        }
    }
    fn find_by_filter(user: UserId, filter: &FriendFilter, after: Option<UserId>, limit: u16) -> Vec<Friendship>;
    fn list_audience(user: UserId) -> Vec<UserId>;
    fn count(user: UserId) -> u32;
    fn add(a: UserId, b: UserId, since: Millis) -> ();
    fn remove(a: UserId, b: UserId) -> bool;
    fn set_remark(user: UserId, friend: UserId, remark: Option<&str>) -> bool; {
        if me.is(Fault::RemarkForBoth) {
            me.unit().await?.friends().set_remark(friend, user, remark).await?;
        }
    }
    fn set_labels(user: UserId, friend: UserId, labels: &[String], starred: bool) -> bool;
} }

repo! { me: StatusRepo by statuses {
    fn set_status(user: UserId, status: Status) -> ();
    fn set_text_until(user: UserId, until: Option<Millis>) -> ();
    fn set_seen(users: &[UserId], at: Millis) -> ();
    fn forget(user: UserId) -> ();
} }

repo! { me: FriendRequestRepo by friend_requests {
    fn add(request: &NewRequest) -> FriendRequestId; {
        let pending = me.unit().await?.friend_requests().find_pending(request.from, request.to).await?;
        if let Some(pending) = pending.filter(|_| me.is(Fault::PendingTwice)) {
            me.unit().await?.friend_requests().remove(pending.id).await?;
        }
    }
    fn get(id: FriendRequestId) -> Option<RequestRow>;
    fn find_pending(from: UserId, to: UserId) -> Option<RequestRow>;
    fn list(user: UserId, direction: Direction, before: Option<FriendRequestId>, limit: u16) -> Vec<RequestRow>;
    fn decide(id: FriendRequestId, status: RequestStatus, reason: Option<&str>) -> bool; {
        if me.is(Fault::DecidedTwice) {
            me.unit().await?.friend_requests().decide(id, status, reason).await?;
            return Ok(true);
        }
    }
    fn remove(id: FriendRequestId) -> bool;
} }

repo! { me: BlockRepo by blocks {
    fn get(user: UserId, blocked: UserId) -> Option<BlockRow>;
    fn list(user: UserId, after: Option<UserId>, limit: u16) -> Vec<BlockRow>;
    fn blockers(user: UserId, of: &[UserId]) -> Vec<UserId>;
    fn add(user: UserId, blocked: UserId, at: Millis) -> bool;
    fn set_cut(user: UserId, blocked: UserId, cut: Seq) -> (); {
        let old = me.unit().await?.blocks().get(user, blocked).await?;
        if let Some(old) = old.filter(|_| me.is(Fault::CutMoves)) {
            me.unit().await?.blocks().remove(user, blocked).await?;
            me.unit().await?.blocks().add(user, blocked, old.at).await?;
        }
    }
    fn remove(user: UserId, blocked: UserId) -> bool; {
        if me.is(Fault::UnblockClearsBoth) {
            me.unit().await?.blocks().remove(blocked, user).await?;
        }
    }
} }

repo! { me: ConversationRepo by conversations {
    fn get(user: UserId, room: &RoomId) -> Option<ConversationRow>;
    fn list(user: UserId) -> Vec<ConversationRow>;
    fn ensure(user: UserId, room: &RoomId, from: Option<Seq>) -> bool; {
        if me.is(Fault::ConversationAlwaysNew) {
            me.unit().await?.conversations().ensure(user, room, from).await?;
            return Ok(true);
        }
    }
    fn set_from(user: UserId, room: &RoomId, below: Mark) -> ();
    fn set_read(marks: &[(UserId, RoomId, Mark)]) -> (); {
        if me.is(Fault::ReadersMakeRows) {
            for (user, room, _) in marks {
                me.unit().await?.conversations().ensure(*user, room, Some(Seq(1))).await?;
            }
        }
    }
    fn set_clear(user: UserId, room: &RoomId, to: Mark) -> (); {
        if me.is(Fault::ClearedIsRead) {
            me.unit().await?.conversations().set_read(&[(user, *room, to)]).await?;
        }
    }
    fn set_pinned(user: UserId, room: &RoomId, at: Option<Millis>) -> ();
    fn set_muted(user: UserId, room: &RoomId, muted: bool) -> ();
    fn set_hidden(user: UserId, room: &RoomId, at: Option<Seq>) -> ();
    fn readers(room: &RoomId, seq: Seq, after: Option<UserId>, limit: u16) -> Vec<Reader>;
    fn remove(user: UserId, room: &RoomId) -> bool;
} }

repo! { me: GroupRepo by groups {
    fn add(group: &GroupRow) -> GroupId;
    fn get(id: GroupId) -> Option<GroupRow>;
    fn set(group: &GroupRow) -> ();
    fn list_by_id(ids: &[GroupId]) -> Vec<GroupRow>;
    fn list(user: UserId, after: Option<GroupId>, limit: u16) -> Vec<GroupRow>;
    fn count(user: UserId) -> u32;
    fn search(text: &str, after: Option<GroupId>, limit: u16) -> Vec<GroupRow>;
} }

repo! { me: MemberRepo by members {
    fn add(member: &MemberRow) -> bool; {
        if me.is(Fault::GroupOverfull) {
            let mut group = me.unit().await?.groups().get(member.group).await?.unwrap();
            group.max_members += 1;
            me.unit().await?.groups().set(&group).await?;
        }
    }
    fn former_of(user: UserId) -> Vec<GroupId>;
    fn heir(group: GroupId, of: UserId) -> Option<MemberRow>;
    fn get(group: GroupId, user: UserId) -> Option<MemberRow>;
    fn set(member: &MemberRow) -> ();
    fn remove(group: GroupId, user: UserId) -> bool; {
        if me.is(Fault::PlaceStaysTaken) {
            let member = me.unit().await?.members().get(group, user).await?;
            return Ok(member.is_some());
        }
    }
    fn list(group: GroupId, after: Option<UserId>, limit: u16) -> Vec<MemberRow>;
    fn list_by_id(group: GroupId, users: &[UserId]) -> Vec<MemberRow>;
    fn list_of(user: UserId, groups: &[GroupId]) -> Vec<MemberRow>;
    fn deciders(group: GroupId) -> Vec<UserId>;
    fn admins(group: GroupId) -> u32;
    fn former(group: GroupId, user: UserId) -> Option<Former>; {
        if me.is(Fault::MuteForgotten) {
            let former = me.unit().await?.members().former(group, user).await?;
            return Ok(former.map(|former| Former { muted_until: None, ..former }));
        }
    }
} }

repo! { me: AuditRepo by audit {
    fn add(row: &AuditRow) -> AuditId;
    fn list(filter: &AuditFilter, before: Option<AuditId>, limit: u16) -> Vec<AuditRow>;
} }

repo! { me: DepartureRepo by departures {
    fn add(departure: &Departure) -> ();
    fn list(limit: u16) -> Vec<Departure>;
    fn set_seq(user: UserId, room: &RoomId, seq: Seq) -> ();
    fn remove(user: UserId, room: Option<&RoomId>) -> bool;
} }

repo! { me: BlacklistRepo by blacklist {
    fn add(group: GroupId, who: &Blacklisted) -> bool;
    fn remove(group: GroupId, user: UserId) -> bool;
    fn contains(group: GroupId, user: UserId) -> bool;
    fn list(group: GroupId, after: Option<UserId>, limit: u16) -> Vec<Blacklisted>;
} }

repo! { me: InvitationRepo by invitations {
    fn add(invitation: &InvitationRow) -> InvitationId;
    fn get(id: InvitationId) -> Option<InvitationRow>;
    fn find(group: GroupId, user: UserId) -> Option<InvitationRow>;
    fn list(user: UserId, before: Option<InvitationId>, limit: u16) -> Vec<InvitationRow>;
    fn remove(id: InvitationId) -> bool; {
        if me.is(Fault::InvitationTakenTwice) {
            me.unit().await?.invitations().remove(id).await?;
            return Ok(true);
        }
    }
    fn list_of(group: GroupId, after: Option<UserId>, limit: u16) -> Vec<InvitationRow>;
} }

repo! { me: JoinRequestRepo by join_requests {
    fn add(request: &JoinRequestRow) -> JoinRequestId;
    fn get(id: JoinRequestId) -> Option<JoinRequestRow>;
    fn find_pending(group: GroupId, user: UserId) -> Option<JoinRequestRow>;
    fn list(group: GroupId, before: Option<JoinRequestId>, limit: u16) -> Vec<JoinRequestRow>;
    fn list_pending(group: GroupId, after: Option<UserId>, limit: u16) -> Vec<JoinRequestRow>;
    fn list_of(user: UserId) -> Vec<JoinRequestRow>;
    fn decide(id: JoinRequestId, status: RequestStatus) -> bool;
} }

repo! { me: UserLogRepo by user_log {
    fn append(user: UserId, event: &UserEvent, at: Millis) -> UserEntry;
    fn read(user: UserId, slice: Slice<'_>, limit: u16) -> Vec<UserEntry>; {
        if me.is(Fault::UserLogDownwards) && matches!(slice, Slice::Before(_)) {
            let mut entries = me.unit().await?.user_log().read(user, slice, limit).await?;
            entries.reverse();
            return Ok(entries);
        }
    }
    fn clear(user: UserId) -> ();
    fn head(user: UserId) -> Seq;
    fn heads(users: &[UserId]) -> Vec<Seq>; {
        if me.is(Fault::UserHeadsSorted) {
            let mut users = users.to_vec();
            users.sort_unstable();
            return me.unit().await?.user_log().heads(&users).await;
        }
    }
} }

repo! { me: OutboxRepo by outbox {
    fn add(room: &RoomId, task: &Task, at: Millis) -> OutboxId;
    fn list(room: &RoomId, limit: u16) -> Vec<(OutboxId, Task, Millis)>; {
        if me.is(Fault::OutboxNewestFirst) {
            let mut tasks = me.unit().await?.outbox().list(room, limit).await?;
            tasks.reverse();
            return Ok(tasks);
        }
    }
    fn rooms(limit: u16) -> Vec<RoomId>;
    fn remove(id: OutboxId) -> bool; {
        if me.is(Fault::OutboxStays) {
            return Ok(true);
        }
    }
} }

repo! { me: SpentRepo by spent {
    fn spend(hash: &str, until: Millis) -> bool; {
        if me.is(Fault::SpentTwice) {
            me.unit().await?.spent().spend(hash, until).await?;
            return Ok(true);
        }
    }
    fn forget_before(now: Millis) -> ();
} }

repo! { me: ExternalRepo by externals {
    fn find(external: &str) -> Option<UserId>;
    fn add(external: &str, user: UserId) -> bool;
    fn remove(user: UserId) -> ();
} }

repo! { me: SettingRepo by settings {
    fn get(key: &str) -> Option<String>;
    fn ensure(key: &str, value: &str) -> String; {
        if me.is(Fault::LastValueWins) {
            me.unit().await?.settings().ensure(key, value).await?;
            return Ok(value.to_owned());
        }
    }
    fn set(key: &str, value: &str) -> ();
} }

repo! { me: HiddenRepo by hidden {
    fn add(user: UserId, room: &RoomId, seq: Seq) -> bool;
    fn list(user: UserId, room: &RoomId, from: Seq, to: Seq) -> Vec<Seq>; {
        if me.is(Fault::HiddenEverywhere) {
            return me.unit().await?.hidden().list(user, room, Seq(1), Seq(i64::MAX)).await;
        }
    }
} }

repo! { me: PinRepo by pins {
    fn add(room: &RoomId, pin: &PinRow) -> bool; {
        if me.is(Fault::PinnedAgain) {
            me.unit().await?.pins().remove(room, pin.seq).await?;
        }
    }
    fn remove(room: &RoomId, seq: Seq) -> bool;
    fn list(room: &RoomId) -> Vec<PinRow>;
} }

repo! { me: WorldRepo by worlds {
    fn get(id: WorldId) -> Option<WorldRow>;
    fn list() -> Vec<WorldRow>;
    fn set(world: &WorldRow) -> ();
    fn muted_until(id: WorldId, user: UserId) -> Option<Millis>;
    fn set_muted(id: WorldId, user: UserId, until: Option<Millis>) -> ();
    fn take_turn(id: WorldId, user: UserId, message: &ClientRef, now: Millis, since: Millis) -> Option<Millis>; {
        if me.is(Fault::TurnsAreFree) {
            me.unit().await?.worlds().take_turn(id, user, message, now, since).await?;
            return Ok(None);
        }
        if me.is(Fault::TurnsWithoutMessage) {
            let another = ClientRef::outbox(OutboxId(now.0 + since.0));
            return me.unit().await?.worlds().take_turn(id, user, &another, now, since).await;
        }
    }
    fn forget_turns(id: WorldId) -> (); {
        if me.is(Fault::TurnsRemembered) {
            return Ok(());
        }
    }
} }
