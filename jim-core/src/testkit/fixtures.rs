//! Small builders: what a test needs but does not speak about.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use serde_json::value::to_raw_value;
use sha2::{Digest as _, Sha256};
use tokio::sync::Barrier;

use crate::id::{GroupId, RoomId, Seq, SessionId, UserId};
use crate::model::content::ContentDigest;
use crate::model::entry::{Guard, Kind, NewEntry};
use crate::model::group::{GroupRow, HistoryPolicy, InvitePolicy, JoinPolicy, MemberRow, Role};
use crate::model::user::AccountRole;
use crate::model::{ClientRef, Limits, Nickname, Username};
use crate::repo::{NewRequest, NewSession, NewUser, RoomLogRepo, SessionTokens, Store, Unit, UserEvent};
use crate::secret::TokenHash;
use crate::time::Millis;

/// The password of every account that is made here.
pub const PASSWORD: &str = "correct horse battery";

/// The hash of [`PASSWORD`], made once, because a hash costs what a thousand rows cost.
pub const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$UODKHRBOgTPjCGdLKpMnYg$nDkWFy74FLClTVh1F05/9tFFmf/jsEq7/0l1ug0bzsE";

/// The time of whatever is made here.
pub const AT: Millis = Millis(1_800_000_000_000);

/// Commits a unit; nobody is told and no room is drained.
pub async fn commit(unit: Unit) {
    let _ = unit.commit().await.unwrap();
}

/// An account to be stored, whose nickname is its name.
#[must_use]
pub fn new_user(name: &str) -> NewUser {
    let username = Username::parse(name, &Limits::default()).unwrap();
    NewUser {
        nickname: Nickname::from(&username),
        username,
        birth_date: None,
        password_hash: PASSWORD_HASH.into(),
        role: AccountRole::User,
        created_at: AT,
    }
}

/// Makes an account.
pub async fn user(store: &dyn Store, name: &str) -> UserId {
    let mut unit = store.write(&[]).await.unwrap();
    let id = unit.users().add(&new_user(name)).await.unwrap();
    commit(unit).await;
    id
}

/// Makes an account with another nickname than its name.
pub async fn user_called(store: &dyn Store, name: &str, nickname: &str) -> UserId {
    let nickname = Nickname::parse(nickname, &Limits::default()).unwrap();
    let mut unit = store.write(&[]).await.unwrap();
    let id = unit.users().add(&NewUser { nickname, ..new_user(name) }).await.unwrap();
    commit(unit).await;
    id
}

/// Makes as many accounts: `name-0`, `name-1` …
pub async fn users(store: &dyn Store, name: &str, count: usize) -> Vec<UserId> {
    let mut unit = store.write(&[]).await.unwrap();
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(unit.users().add(&new_user(&format!("{name}-{n}"))).await.unwrap());
    }
    commit(unit).await;
    ids
}

/// Makes two people friends.
pub async fn friends(store: &dyn Store, a: UserId, b: UserId) {
    let mut unit = store.write(&[]).await.unwrap();
    unit.friends().add(a, b, AT).await.unwrap();
    commit(unit).await;
}

/// Lets one person block another.
pub async fn block(store: &dyn Store, user: UserId, blocked: UserId) {
    let mut unit = store.write(&[]).await.unwrap();
    unit.blocks().add(user, blocked, AT).await.unwrap();
    commit(unit).await;
}

/// Opens the private room of two people for both.
pub async fn open(store: &dyn Store, a: UserId, b: UserId) -> RoomId {
    let room = private(a, b);
    let mut unit = store.write(&[]).await.unwrap();
    for user in [a, b] {
        unit.conversations().ensure(user, &room, Some(Seq(1))).await.unwrap();
    }
    commit(unit).await;
    room
}

/// A group to be stored, with room for so many.
#[must_use]
pub fn new_group(owner: UserId, max_members: u32) -> GroupRow {
    GroupRow {
        id: GroupId(0),
        name: "Friends".into(),
        announcement: None,
        owner,
        join_policy: JoinPolicy::Approval,
        invite_policy: InvitePolicy::Members,
        history_policy: HistoryPolicy::Joined,
        max_members,
        member_count: 0,
        muted: false,
        created_at: AT,
        dissolved_at: None,
    }
}

/// Makes a group with room for so many; the first of its members owns it.
pub async fn group(store: &dyn Store, members: &[UserId], max_members: u32) -> GroupId {
    let mut unit = store.write(&[]).await.unwrap();
    let id = unit.groups().add(&new_group(members[0], max_members)).await.unwrap();
    for user in members {
        let role = if *user == members[0] { Role::Owner } else { Role::Member };
        assert!(unit.members().add(&MemberRow { role, ..MemberRow::new(id, *user, AT) }).await.unwrap());
    }
    commit(unit).await;
    id
}

/// The private room of two different people.
#[must_use]
pub fn private(a: UserId, b: UserId) -> RoomId {
    RoomId::private(a, b).unwrap()
}

/// A friend request to be stored.
#[must_use]
pub fn new_request(from: UserId, to: UserId) -> NewRequest {
    NewRequest { from, to, note: Some("hello".into()), muffled: false, at: AT }
}

/// The hash that stands for a token of this name.
#[must_use]
pub fn token_hash(name: &str) -> TokenHash {
    TokenHash(name.into())
}

/// A first pair of tokens, `access-<name>` and `refresh-<name>`, good for a quarter of an hour and for a month.
#[must_use]
pub fn tokens(name: &str) -> SessionTokens {
    SessionTokens {
        access: token_hash(&format!("access-{name}")),
        access_until: Millis(AT.0 + 900_000),
        refresh: token_hash(&format!("refresh-{name}")),
        refresh_until: Millis(AT.0 + 2_592_000_000),
        prev_access: None,
        old_refresh: None,
        used: false,
    }
}

/// A log-in to be stored, with the tokens of this name.
#[must_use]
pub fn new_session(user: UserId, name: &str) -> NewSession {
    NewSession { user, device: Some(name.into()), ip: "192.0.2.1".into(), tokens: tokens(name), at: AT }
}

/// Logs a person in, with the tokens of this name.
pub async fn session(store: &dyn Store, user: UserId, name: &str) -> SessionId {
    let mut unit = store.write(&[]).await.unwrap();
    let id = unit.sessions().add(&new_session(user, name)).await.unwrap();
    commit(unit).await;
    id
}

/// A reference.
#[must_use]
pub fn client_ref(text: &str) -> ClientRef {
    ClientRef::parse(text, &Limits::default()).unwrap()
}

/// A counted text message to be appended, decided on an empty fence.
#[must_use]
pub fn new_entry(room: RoomId, by: UserId, client_ref: &str, text: &str) -> NewEntry {
    let client_ref = self::client_ref(client_ref);
    let body = to_raw_value(&json!({ "client_ref": client_ref, "content": { "kind": "text", "text": text } })).unwrap();
    NewEntry {
        room,
        by,
        client_ref,
        kind: Kind::MESSAGE_SENT,
        counted: true,
        fences: false,
        digest: Some(ContentDigest(URL_SAFE_NO_PAD.encode(&Sha256::digest(body.get())[..16]))),
        body: body.into(),
        mentions: Vec::new(),
        guard: Guard::Fence(Seq::ZERO),
        at: AT,
    }
}

/// Appends as many messages `text 1`, `text 2` … and waits until they stand.
pub async fn messages(log: &dyn RoomLogRepo, room: RoomId, by: UserId, count: usize) {
    let batch: Vec<_> =
        (1..=count).map(|n| new_entry(room, by, &format!("message-{n}"), &format!("text {n}"))).collect();
    for batch in batch.chunks(512) {
        log.append(batch).await.unwrap();
    }
}

/// What an account could be told.
#[must_use]
pub fn event(text: &str) -> UserEvent {
    UserEvent { kind: Kind::PROFILE_CHANGED, body: to_raw_value(&json!({ "text": text })).unwrap().into() }
}

/// Starts all tasks at one moment and gathers what they return, in their order.
pub async fn at_once<T, F>(tasks: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<F> = tasks.into_iter().collect();
    let start = Arc::new(Barrier::new(tasks.len()));
    let begin = |task: F| {
        let start = start.clone();
        tokio::spawn(async move {
            start.wait().await;
            task.await
        })
    };
    let running: Vec<_> = tasks.into_iter().map(begin).collect();
    let mut done = Vec::new();
    for task in running {
        done.push(task.await.unwrap());
    }
    done
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier as _;

    use super::*;

    #[test]
    fn the_shared_hash_is_that_of_the_shared_password() {
        argon2::Argon2::default().verify_password(PASSWORD.as_bytes(), PASSWORD_HASH).unwrap();
    }
}
