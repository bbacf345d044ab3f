//! Groups of many members. They are stored through the library: ten thousand registrations would be ten minutes of argon2.

use std::path::Path;
use std::time::Duration;

use jim_core::id::{GroupId, RoomId, Seq, UserId};
use jim_core::model::group::{GroupRow, HistoryPolicy, InvitePolicy, JoinPolicy, MemberRow, Role};
use jim_core::model::user::AccountRole;
use jim_core::model::{Limits, Nickname, Username};
use jim_core::repo::{NewSession, NewUser, SessionTokens, Store};
use jim_core::secret::{Random as _, SystemRandom, Token, TokenHash, TokenKind};
use jim_core::store::sql::{Durability, SqliteStore};
use jim_core::time::{Clock as _, Millis, SystemClock};

use crate::Res;
use crate::jim::Pair;

/// People of one transaction, which may not last two seconds.
const STEP: usize = 250;
/// Members at the most.
const MOST: u32 = 10_000;

/// A group, of which some members are logged in.
pub(crate) struct Crowd {
    /// Its room.
    pub(crate) room: String,
    /// The access tokens of those members; the first is the owner's.
    pub(crate) tokens: Vec<String>,
}

impl Crowd {
    /// One of the members who are logged in, as those who load a server know them.
    pub(crate) fn writer(&self, member: usize) -> Option<Pair> {
        self.tokens.get(member).map(|token| self.pair(token))
    }

    /// Members who write, as those who load a server know them.
    pub(crate) fn writers(&self, count: usize) -> Vec<Pair> {
        self.tokens.iter().take(count).map(|token| self.pair(token)).collect()
    }

    fn pair(&self, token: &str) -> Pair {
        Pair { room: self.room.clone(), sender: token.into(), receiver: token.into() }
    }
}

/// Stores groups in the folder of a server that does not run: how many members each has, and how many of them are
/// logged in.
pub(crate) async fn plant<const N: usize>(folder: &Path, sizes: [(usize, usize); N]) -> Res<[Crowd; N]> {
    let store = SqliteStore::open(&SqliteStore::file(&folder.join("data")), Durability::Normal).await?;
    plant_in(&*store, "crowd", sizes).await
}

/// The same in a store, with people of that name.
pub(crate) async fn plant_in<const N: usize>(
    store: &dyn Store,
    name: &str,
    sizes: [(usize, usize); N],
) -> Res<[Crowd; N]> {
    let now = SystemClock.now();
    let mut crowds = Vec::with_capacity(N);
    for (number, (size, online)) in sizes.into_iter().enumerate() {
        let members = people(store, &format!("{name}-{number}"), size, now).await?;
        let tokens = log_in(store, &members[..online.min(size)], now).await?;
        let room = gather(store, &members, now).await?;
        crowds.push(Crowd { room: room.to_string(), tokens });
    }
    crowds.try_into().map_err(|_| "as many groups as were asked for".into())
}

async fn people(store: &dyn Store, name: &str, count: usize, now: Millis) -> Res<Vec<UserId>> {
    let mut people = Vec::with_capacity(count);
    while people.len() < count {
        let mut unit = store.write(&[]).await?;
        for number in people.len()..count.min(people.len() + STEP) {
            let username = Username::parse(&format!("{name}-{number}"), &Limits::default());
            let username = username.map_err(|_| "not a name")?;
            let nickname = Nickname::from(&username);
            let new = NewUser {
                username,
                nickname,
                birth_date: None,
                // No password has such a hash: nobody logs in by one here.
                password_hash: "none".into(),
                role: AccountRole::User,
                created_at: now,
            };
            people.push(unit.users().add(&new).await?);
        }
        let _ = unit.commit().await?;
    }
    Ok(people)
}

async fn log_in(store: &dyn Store, people: &[UserId], now: Millis) -> Res<Vec<String>> {
    let until = now.plus(Duration::from_hours(24));
    let mut tokens = Vec::with_capacity(people.len());
    for part in people.chunks(STEP) {
        let mut unit = store.write(&[]).await?;
        for user in part {
            let access = Token::new(TokenKind::Access, SystemRandom.bits());
            let refresh = Token::new(TokenKind::Refresh, SystemRandom.bits());
            let new = SessionTokens {
                access: access.hash(),
                access_until: until,
                refresh: refresh.hash(),
                refresh_until: until,
                prev_access: None,
                old_refresh: None::<TokenHash>,
                used: false,
            };
            let new = NewSession { user: *user, device: None, ip: "127.0.0.1".into(), tokens: new, at: now };
            unit.sessions().add(&new).await?;
            tokens.push(access.expose().to_owned());
        }
        let _ = unit.commit().await?;
    }
    Ok(tokens)
}

/// Makes a group whose members read from the beginning of its log, which is empty.
async fn gather(store: &dyn Store, members: &[UserId], now: Millis) -> Res<RoomId> {
    let owner = *members.first().ok_or("a group without members")?;
    let row = GroupRow {
        id: GroupId(0),
        name: "Crowd".into(),
        announcement: None,
        owner,
        join_policy: JoinPolicy::Approval,
        invite_policy: InvitePolicy::Members,
        history_policy: HistoryPolicy::Joined,
        max_members: MOST,
        member_count: 0,
        muted: false,
        created_at: now,
        dissolved_at: None,
    };
    let mut unit = store.write(&[]).await?;
    let id = unit.groups().add(&row).await?;
    let _ = unit.commit().await?;
    let room = RoomId::Group(id);
    for part in members.chunks(STEP) {
        let mut unit = store.write(&[]).await?;
        for user in part {
            let role = if *user == owner { Role::Owner } else { Role::Member };
            if !unit.members().add(&MemberRow { role, ..MemberRow::new(id, *user, now) }).await? {
                return Err("a group has no more places".into());
            }
            unit.conversations().ensure(*user, &room, Some(Seq(1))).await?;
        }
        let _ = unit.commit().await?;
    }
    Ok(room)
}
