use async_trait::async_trait;

use super::{Res, TotpRow};
use crate::id::UserId;
use crate::model::user::{AccountRole, Nickname, User, UserState, Username};
use crate::time::Millis;

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name it logs in with.
    pub username: Username,
    /// The name others see.
    pub nickname: Nickname,
    /// `YYYY-MM-DD`.
    pub birth_date: Option<String>,
    /// Hash of the password in PHC string format.
    pub password_hash: String,
    /// What it may do on the whole server.
    pub role: AccountRole,
    /// When.
    pub created_at: Millis,
}

/// What a log-in is held to, read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Whether the account is in use.
    pub state: UserState,
    /// Hash of the password; empty where there is none.
    pub password_hash: String,
    /// The second factor, if there is one.
    pub totp: Option<TotpRow>,
}

/// Accounts.
#[async_trait]
pub trait UserRepo: Send {
    /// Makes an account; ids are never reused. `Conflict` if the folded name is taken.
    async fn add(&mut self, user: &NewUser) -> Res<UserId>;
    /// One account.
    async fn get(&mut self, id: UserId) -> Res<Option<User>>;
    /// Those of the accounts that exist, by id; at most 1,000 are asked for.
    async fn list(&mut self, ids: &[UserId]) -> Res<Vec<User>>;
    /// The account of a folded user name and the hash of its password.
    async fn find_by_username(&mut self, key: &str) -> Res<Option<(User, String)>>;
    /// What a log-in to an account is held to.
    async fn credentials(&mut self, id: UserId) -> Res<Option<Credentials>>;
    /// Active accounts whose folded nickname begins with `prefix` (taken literally), by id, above `after`.
    async fn find_by_nickname(&mut self, prefix: &str, after: Option<UserId>, limit: u16) -> Res<Vec<User>>;
    /// Accounts in any state whose folded user name begins with `prefix` (taken literally), of this role if one is named,
    /// by id, above `after`.
    async fn search(
        &mut self,
        prefix: &str,
        role: Option<AccountRole>,
        after: Option<UserId>,
        limit: u16,
    ) -> Res<Vec<User>>;
    /// Replaces what the owner can change of the profile: nickname, birth date, status text.
    async fn set_profile(&mut self, user: &User) -> Res<()>;
    /// Replaces the hash of the password.
    async fn set_password(&mut self, id: UserId, hash: &str) -> Res<()>;
    /// Switches an account on or off; one that is gone stays so.
    async fn set_state(&mut self, id: UserId, state: UserState) -> Res<()>;
    /// Leaves of an account only its id, its role and when it was made: it has no name, no password and no profile, and
    /// its state is [`UserState::Deleted`]. Its user name can be taken by others.
    async fn forget(&mut self, id: UserId) -> Res<()>;
}
