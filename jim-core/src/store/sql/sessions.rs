use async_trait::async_trait;

use super::conn::{Verbs, args};
use super::sql;
use super::tx::SqlTx;
use super::users::state;
use crate::id::{SessionId, UserId};
use crate::model::session::Session;
use crate::model::user::UserState;
use crate::repo::{NewSession, Res, SessionRepo, SessionTokens, StoredSession, Ticket};
use crate::secret::TokenHash;
use crate::time::Millis;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    user_id: i64,
    device: Option<String>,
    ip: String,
    created_at: i64,
    seen_at: i64,
    access_hash: String,
    access_until: i64,
    refresh_hash: String,
    refresh_until: i64,
    prev_access_hash: Option<String>,
    prev_access_until: Option<i64>,
    old_refresh_hash: Option<String>,
    used: i64,
    ended_at: Option<i64>,
}

const SELECT: &str = "SELECT id, user_id, device, ip, created_at, seen_at, access_hash, access_until, refresh_hash,
    refresh_until, prev_access_hash, prev_access_until, old_refresh_hash, used, ended_at FROM jim_sessions";

#[derive(sqlx::FromRow)]
struct Owned {
    #[sqlx(flatten)]
    session: Row,
    state: Option<i64>,
}

/// A session and the state of its owner's account, in one statement.
pub(super) async fn by_access(
    conn: &mut impl Verbs,
    hash: &TokenHash,
) -> Res<Option<(StoredSession, Option<UserState>)>> {
    let text = format!(
        "SELECT s.*, (SELECT u.state FROM jim_users u WHERE u.id = s.user_id) AS state
         FROM ({SELECT} WHERE access_hash = ? OR prev_access_hash = ?) s"
    );
    let row: Option<Owned> = conn.row(sql(text), args![hash, hash]).await?;
    row.map(|row| Ok((row.session.into(), row.state.map(state).transpose()?))).transpose()
}

impl From<Row> for StoredSession {
    fn from(row: Row) -> Self {
        StoredSession {
            session: Session {
                id: SessionId(row.id),
                user: UserId(row.user_id),
                device: row.device,
                ip: row.ip,
                created_at: Millis(row.created_at),
                seen_at: Millis(row.seen_at),
            },
            tokens: SessionTokens {
                access: TokenHash(row.access_hash),
                access_until: Millis(row.access_until),
                refresh: TokenHash(row.refresh_hash),
                refresh_until: Millis(row.refresh_until),
                prev_access: row.prev_access_hash.map(TokenHash).zip(row.prev_access_until.map(Millis)),
                old_refresh: row.old_refresh_hash.map(TokenHash),
                used: row.used != 0,
            },
            ended_at: row.ended_at.map(Millis),
        }
    }
}

#[async_trait]
impl SessionRepo for SqlTx {
    async fn add(&mut self, session: &NewSession) -> Res<SessionId> {
        let mut conn = self.conn().await?;
        let tokens = &session.tokens;
        let (prev, prev_until) = tokens.prev_access.as_ref().map(|(hash, until)| (hash, *until)).unzip();
        let id = conn
            .insert(
                "INSERT INTO jim_sessions (user_id, device, ip, created_at, seen_at, access_hash, access_until,
                    refresh_hash, refresh_until, prev_access_hash, prev_access_until, old_refresh_hash, used)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                args![
                    session.user,
                    session.device.as_deref(),
                    session.ip.as_str(),
                    session.at,
                    session.at,
                    &tokens.access,
                    tokens.access_until,
                    &tokens.refresh,
                    tokens.refresh_until,
                    prev,
                    prev_until,
                    tokens.old_refresh.as_ref(),
                    tokens.used,
                ],
            )
            .await?;
        Ok(SessionId(id))
    }

    async fn get(&mut self, id: SessionId) -> Res<Option<StoredSession>> {
        let mut conn = self.conn().await?;
        let row: Option<Row> = conn.row(sql(format!("{SELECT} WHERE id = ?")), args![id]).await?;
        Ok(row.map(Into::into))
    }

    async fn find_by_access(&mut self, hash: &TokenHash) -> Res<Option<StoredSession>> {
        let mut conn = self.conn().await?;
        let text = format!("{SELECT} WHERE access_hash = ? OR prev_access_hash = ?");
        let row: Option<Row> = conn.row(sql(text), args![hash, hash]).await?;
        Ok(row.map(Into::into))
    }

    async fn find_by_refresh(&mut self, hash: &TokenHash) -> Res<Option<StoredSession>> {
        let mut conn = self.conn().await?;
        let text = format!("{SELECT} WHERE refresh_hash = ? OR old_refresh_hash = ?");
        let row: Option<Row> = conn.row(sql(text), args![hash, hash]).await?;
        Ok(row.map(Into::into))
    }

    async fn list(&mut self, user: UserId, now: Millis) -> Res<Vec<Session>> {
        let mut conn = self.conn().await?;
        let text = format!("{SELECT} WHERE user_id = ? AND ended_at IS NULL AND refresh_until > ? ORDER BY id DESC");
        let rows: Vec<Row> = conn.rows(sql(text), args![user, now]).await?;
        Ok(rows.into_iter().map(|row| StoredSession::from(row).session).collect())
    }

    async fn set_tokens(&mut self, id: SessionId, tokens: &SessionTokens) -> Res<()> {
        let mut conn = self.conn().await?;
        let (prev, prev_until) = tokens.prev_access.as_ref().map(|(hash, until)| (hash, *until)).unzip();
        conn.run(
            "UPDATE jim_sessions SET access_hash = ?, access_until = ?, refresh_hash = ?, refresh_until = ?,
                prev_access_hash = ?, prev_access_until = ?, old_refresh_hash = ?, used = ? WHERE id = ?",
            args![
                &tokens.access,
                tokens.access_until,
                &tokens.refresh,
                tokens.refresh_until,
                prev,
                prev_until,
                tokens.old_refresh.as_ref(),
                tokens.used,
                id,
            ],
        )
        .await?;
        Ok(())
    }

    async fn set_used(&mut self, id: SessionId) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run("UPDATE jim_sessions SET used = 1 WHERE id = ?", args![id]).await?;
        Ok(())
    }

    async fn set_seen(&mut self, seen: &[(SessionId, Millis)]) -> Res<()> {
        let mut conn = self.conn().await?;
        for (id, at) in seen {
            conn.run("UPDATE jim_sessions SET seen_at = ? WHERE id = ? AND seen_at < ?", args![*at, *id, *at]).await?;
        }
        Ok(())
    }

    async fn end(&mut self, id: SessionId, at: Millis) -> Res<bool> {
        let mut conn = self.conn().await?;
        let ended =
            conn.run("UPDATE jim_sessions SET ended_at = ? WHERE id = ? AND ended_at IS NULL", args![at, id]).await?;
        Ok(ended > 0)
    }

    async fn ended_since(&mut self, at: Millis) -> Res<Vec<SessionId>> {
        let mut conn = self.conn().await?;
        let rows: Vec<(i64,)> = conn.rows("SELECT id FROM jim_sessions WHERE ended_at >= ?", args![at]).await?;
        Ok(rows.into_iter().map(|(id,)| SessionId(id)).collect())
    }

    async fn add_ticket(&mut self, ticket: &Ticket) -> Res<()> {
        let text = "INSERT INTO jim_tickets (hash, session_id, until_at) VALUES (?, ?, ?)";
        let args = args![&ticket.hash, ticket.session, ticket.until];
        self.conn().await?.run(text, args).await.map(|_| ())
    }

    async fn forget_tickets(&mut self, now: Millis) -> Res<()> {
        self.conn().await?.run("DELETE FROM jim_tickets WHERE until_at <= ?", args![now]).await.map(|_| ())
    }

    async fn forget(&mut self, user: UserId) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run("UPDATE jim_sessions SET device = NULL, ip = '' WHERE user_id = ?", args![user]).await?;
        Ok(())
    }

    async fn get_ticket(&mut self, hash: &TokenHash) -> Res<Option<Ticket>> {
        let mut conn = self.conn().await?;
        let row: Option<(i64, i64)> =
            conn.row("SELECT session_id, until_at FROM jim_tickets WHERE hash = ?", args![hash]).await?;
        Ok(row.map(|(session, until)| Ticket { hash: hash.clone(), session: SessionId(session), until: Millis(until) }))
    }

    async fn take_ticket(&mut self, hash: &TokenHash) -> Res<Option<Ticket>> {
        let ticket = self.get_ticket(hash).await?;
        let taken = self.conn().await?.run("DELETE FROM jim_tickets WHERE hash = ?", args![hash]).await? == 1;
        Ok(ticket.filter(|_| taken))
    }
}
