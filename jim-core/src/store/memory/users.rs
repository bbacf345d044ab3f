use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;

use super::{MemoryTx, next_id};
use crate::id::UserId;
use crate::model::presence::Standing;
use crate::model::user::{AccountRole, User, UserState, fold};
use crate::repo::{Credentials, NewUser, RepoError, Res, UserRepo};

#[derive(Clone, Default)]
pub(super) struct Users {
    last: i64,
    rows: BTreeMap<UserId, Row>,
}

#[derive(Clone)]
pub(super) struct Row {
    pub(super) user: User,
    key: String,
    password_hash: String,
}

impl Users {
    pub(super) fn get(&self, id: UserId) -> Option<&User> {
        self.rows.get(&id).map(|row| &row.user)
    }

    fn by_key(&self, key: &str) -> Option<&Row> {
        self.rows.values().find(|row| row.key == key)
    }
}

impl MemoryTx {
    pub(super) fn change_user(&mut self, id: UserId, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.change().users.rows.get_mut(&id) {
            change(row);
        }
    }
}

#[async_trait]
impl UserRepo for MemoryTx {
    async fn add(&mut self, new: &NewUser) -> Res<UserId> {
        if self.state.users.by_key(new.username.key()).is_some() {
            return Err(RepoError::Conflict);
        }
        let users = &mut self.change().users;
        let id = UserId(next_id(&mut users.last));
        let user = User {
            id,
            username: new.username.as_str().into(),
            nickname: new.nickname.as_str().into(),
            birth_date: new.birth_date.clone(),
            status_text: None,
            standing: Standing::default(),
            state: UserState::Active,
            role: new.role,
            created_at: new.created_at,
        };
        let row = Row { user, key: new.username.key().into(), password_hash: new.password_hash.clone() };
        users.rows.insert(id, row);
        Ok(id)
    }

    async fn get(&mut self, id: UserId) -> Res<Option<User>> {
        Ok(self.state.users.get(id).cloned())
    }

    async fn list(&mut self, ids: &[UserId]) -> Res<Vec<User>> {
        let asked = self.state.users.rows.iter().filter(|(id, _)| ids.contains(id));
        Ok(asked.map(|(_, row)| row.user.clone()).collect())
    }

    async fn find_by_username(&mut self, key: &str) -> Res<Option<(User, String)>> {
        Ok(self.state.users.by_key(key).map(|row| (row.user.clone(), row.password_hash.clone())))
    }

    async fn credentials(&mut self, id: UserId) -> Res<Option<Credentials>> {
        let Some(row) = self.state.users.rows.get(&id) else { return Ok(None) };
        let (state, password_hash) = (row.user.state, row.password_hash.clone());
        Ok(Some(Credentials { state, password_hash, totp: self.state.totp.get(id) }))
    }

    async fn find_by_nickname(&mut self, prefix: &str, after: Option<UserId>, limit: u16) -> Res<Vec<User>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let users = self.state.users.rows.range((from, Bound::Unbounded)).map(|(_, row)| &row.user);
        let found = users.filter(|user| user.state == UserState::Active && fold(&user.nickname).starts_with(prefix));
        Ok(found.take(limit.into()).cloned().collect())
    }

    async fn search(
        &mut self,
        prefix: &str,
        role: Option<AccountRole>,
        after: Option<UserId>,
        limit: u16,
    ) -> Res<Vec<User>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.state.users.rows.range((from, Bound::Unbounded)).map(|(_, row)| row);
        let found = rows.filter(|row| row.key.starts_with(prefix) && role.is_none_or(|role| row.user.role == role));
        Ok(found.take(limit.into()).map(|row| row.user.clone()).collect())
    }

    async fn set_profile(&mut self, user: &User) -> Res<()> {
        self.change_user(user.id, |row| {
            row.user.nickname.clone_from(&user.nickname);
            row.user.birth_date.clone_from(&user.birth_date);
            row.user.status_text.clone_from(&user.status_text);
        });
        Ok(())
    }

    async fn set_password(&mut self, id: UserId, hash: &str) -> Res<()> {
        self.change_user(id, |row| row.password_hash = hash.into());
        Ok(())
    }

    async fn set_state(&mut self, id: UserId, state: UserState) -> Res<()> {
        self.change_user(id, |row| {
            if row.user.state != UserState::Deleted {
                row.user.state = state;
            }
        });
        Ok(())
    }

    async fn forget(&mut self, id: UserId) -> Res<()> {
        self.change_user(id, |row| {
            let User { id, standing, role, created_at, .. } = row.user;
            row.user = User {
                id,
                username: String::new(),
                nickname: String::new(),
                birth_date: None,
                status_text: None,
                standing,
                state: UserState::Deleted,
                role,
                created_at,
            };
            // A key that no name has.
            row.key = format!("#{id}");
            row.password_hash.clear();
        });
        Ok(())
    }
}
