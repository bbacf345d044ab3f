use async_trait::async_trait;

use super::conn::{Arg, Verbs as _, args, broken};
use super::tx::SqlTx;
use super::{chunks, sql, tuples};
use crate::id::UserId;
use crate::model::presence::Standing;
use crate::model::user::{AccountRole, User, UserState};
use crate::repo::{Credentials, NewUser, Res, UserRepo};
use crate::time::Millis;

pub(super) const STATE_ACTIVE: i64 = 0;
const STATE_DISABLED: i64 = 1;
pub(super) const STATE_DELETED: i64 = 2;
const ROLE_ADMIN: i64 = 1;

const COLUMNS: &str = "u.id, u.username, u.nickname, u.birth_date, u.status_text, u.state, u.role, u.created_at,
     s.status, s.text_until, s.seen_at";
const TABLES: &str = "jim_users u LEFT JOIN jim_statuses s ON s.user_id = u.id";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    username: String,
    nickname: String,
    birth_date: Option<String>,
    status_text: Option<String>,
    state: i64,
    role: i64,
    created_at: i64,
    status: Option<i64>,
    text_until: Option<i64>,
    seen_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct LoginRow {
    #[sqlx(flatten)]
    user: Row,
    password_hash: String,
}

#[derive(sqlx::FromRow)]
struct CredentialsRow {
    state: i64,
    password_hash: String,
    secret: Option<String>,
    confirmed: Option<i64>,
    last_step: Option<i64>,
}

impl TryFrom<CredentialsRow> for Credentials {
    type Error = crate::repo::RepoError;

    fn try_from(row: CredentialsRow) -> Res<Self> {
        let factor = row.secret.zip(row.confirmed).zip(row.last_step);
        let totp = factor.map(|((key, confirmed), last_step)| super::totp::row((key, confirmed, last_step)));
        Ok(Credentials { state: state(row.state)?, password_hash: row.password_hash, totp })
    }
}

impl TryFrom<Row> for User {
    type Error = crate::repo::RepoError;

    fn try_from(row: Row) -> Res<Self> {
        Ok(User {
            id: UserId(row.id),
            username: row.username,
            nickname: row.nickname,
            birth_date: row.birth_date,
            status_text: row.status_text,
            standing: Standing {
                status: super::statuses::status(row.status)?,
                text_until: row.text_until.map(Millis),
                seen_at: row.seen_at.map(Millis),
            },
            state: state(row.state)?,
            role: if row.role == ROLE_ADMIN { AccountRole::Admin } else { AccountRole::User },
            created_at: Millis(row.created_at),
        })
    }
}

pub(super) fn state(state: i64) -> Res<UserState> {
    match state {
        STATE_ACTIVE => Ok(UserState::Active),
        STATE_DISABLED => Ok(UserState::Disabled),
        STATE_DELETED => Ok(UserState::Deleted),
        _ => Err(broken("an account has no such state")),
    }
}

/// What begins with a text, for LIKE with `!` as its escape.
fn pattern(prefix: &str) -> String {
    prefix.replace('!', "!!").replace('%', "!%").replace('_', "!_") + "%"
}

#[async_trait]
impl UserRepo for SqlTx {
    async fn add(&mut self, user: &NewUser) -> Res<UserId> {
        let mut conn = self.conn().await?;
        let id = conn
            .insert(
                "INSERT INTO jim_users (username, username_key, nickname, nickname_key, birth_date, password_hash, state, role,
                     created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                args![
                    user.username.as_str(),
                    user.username.key(),
                    user.nickname.as_str(),
                    user.nickname.key(),
                    user.birth_date.as_deref(),
                    user.password_hash.as_str(),
                    STATE_ACTIVE,
                    if user.role == AccountRole::Admin { ROLE_ADMIN } else { 0 },
                    user.created_at,
                ],
            )
            .await?;
        conn.run("INSERT INTO jim_user_heads (user_id, seq) VALUES (?, 0)", args![id]).await?;
        Ok(UserId(id))
    }

    async fn get(&mut self, id: UserId) -> Res<Option<User>> {
        let mut conn = self.conn().await?;
        let row: Option<Row> =
            conn.row(sql(format!("SELECT {COLUMNS} FROM {TABLES} WHERE u.id = ?")), args![id]).await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn list(&mut self, ids: &[UserId]) -> Res<Vec<User>> {
        let mut conn = self.conn().await?;
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut users = Vec::with_capacity(ids.len());
        for ids in chunks(&ids, 128) {
            let text = format!("SELECT {COLUMNS} FROM {TABLES} WHERE u.id IN {} ORDER BY u.id", tuples(1, ids.len()));
            let rows: Vec<Row> = conn.rows(sql(text), ids.iter().copied().map(Arg::from).collect()).await?;
            for row in rows {
                users.push(row.try_into()?);
            }
        }
        Ok(users)
    }

    async fn find_by_username(&mut self, key: &str) -> Res<Option<(User, String)>> {
        let mut conn = self.conn().await?;
        let text = format!("SELECT {COLUMNS}, u.password_hash FROM {TABLES} WHERE u.username_key = ?");
        let row: Option<LoginRow> = conn.row(sql(text), args![key]).await?;
        row.map(|row| Ok((row.user.try_into()?, row.password_hash))).transpose()
    }

    async fn credentials(&mut self, id: UserId) -> Res<Option<Credentials>> {
        let mut conn = self.conn().await?;
        let text = "SELECT u.state, u.password_hash, t.secret, t.confirmed, t.last_step
             FROM jim_users u LEFT JOIN jim_totp t ON t.user_id = u.id WHERE u.id = ?";
        let row: Option<CredentialsRow> = conn.row(text, args![id]).await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn find_by_nickname(&mut self, prefix: &str, after: Option<UserId>, limit: u16) -> Res<Vec<User>> {
        let mut conn = self.conn().await?;
        // The range serves the index; LIKE alone would read every account.
        let text = format!(
            "SELECT {COLUMNS} FROM {TABLES}
             WHERE u.nickname_key >= ? AND u.nickname_key LIKE ? ESCAPE '!' AND u.nickname_key < ? AND u.state = ?
                 AND u.id > ? ORDER BY u.id LIMIT ?"
        );
        let end = format!("{prefix}\u{10ffff}");
        let after = after.unwrap_or(UserId::SYSTEM);
        let rows: Vec<Row> =
            conn.rows(sql(text), args![prefix, pattern(prefix), end, STATE_ACTIVE, after, limit]).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn search(
        &mut self,
        prefix: &str,
        role: Option<AccountRole>,
        after: Option<UserId>,
        limit: u16,
    ) -> Res<Vec<User>> {
        let mut conn = self.conn().await?;
        let mut text = format!("SELECT {COLUMNS} FROM {TABLES} WHERE u.id > ?");
        let mut args = args![after.unwrap_or(UserId::SYSTEM)];
        if !prefix.is_empty() {
            text += " AND u.username_key >= ? AND u.username_key LIKE ? ESCAPE '!' AND u.username_key < ?";
            args.extend(args![prefix, pattern(prefix), format!("{prefix}\u{10ffff}")]);
        }
        if let Some(role) = role {
            text += " AND u.role = ?";
            args.push(if role == AccountRole::Admin { ROLE_ADMIN } else { 0 }.into());
        }
        args.push(limit.into());
        let rows: Vec<Row> = conn.rows(sql(text + " ORDER BY u.id LIMIT ?"), args).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn set_profile(&mut self, user: &User) -> Res<()> {
        let mut conn = self.conn().await?;
        let key = crate::model::user::fold(&user.nickname);
        conn.run(
            "UPDATE jim_users SET nickname = ?, nickname_key = ?, birth_date = ?, status_text = ? WHERE id = ?",
            args![user.nickname.as_str(), key, user.birth_date.as_deref(), user.status_text.as_deref(), user.id],
        )
        .await?;
        Ok(())
    }

    async fn set_password(&mut self, id: UserId, hash: &str) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run("UPDATE jim_users SET password_hash = ? WHERE id = ?", args![hash, id]).await?;
        Ok(())
    }

    async fn set_state(&mut self, id: UserId, state: UserState) -> Res<()> {
        let mut conn = self.conn_changing(id).await?;
        let state = match state {
            UserState::Active => STATE_ACTIVE,
            UserState::Disabled => STATE_DISABLED,
            UserState::Deleted => STATE_DELETED,
        };
        conn.run("UPDATE jim_users SET state = ? WHERE id = ? AND state <> ?", args![state, id, STATE_DELETED]).await?;
        Ok(())
    }

    async fn forget(&mut self, id: UserId) -> Res<()> {
        let mut conn = self.conn_changing(id).await?;
        // A key that no name has.
        conn.run(
            "UPDATE jim_users SET username = '', username_key = ?, nickname = '', nickname_key = '', birth_date = NULL,
                 status_text = NULL, password_hash = '', state = ? WHERE id = ?",
            args![format!("#{id}"), STATE_DELETED, id],
        )
        .await?;
        Ok(())
    }
}
