//! Sends as they are commonly written: session, rights, entry and head in one transaction for each request.

use std::time::Duration;

use jim_core::secret::{Token, TokenKind};
use jim_core::store::sql::SqliteStore;
use poem::error::{InternalServerError, NotFound};
use poem::http::StatusCode;
use poem::{Error, Route};
use poem_openapi::auth::Bearer;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{OpenApi, OpenApiService, SecurityScheme};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{Sqlite, Transaction};

use super::hello::{Accepted, Message};
use super::serve_http;
use crate::Res;

/// Who sends.
#[derive(SecurityScheme)]
#[oai(ty = "bearer")]
struct AccessToken(Bearer);

struct Naive {
    pool: SqlitePool,
}

#[OpenApi]
impl Naive {
    #[oai(path = "/rooms/:room/messages", method = "post")]
    async fn send(
        &self,
        token: AccessToken,
        Path(room): Path<String>,
        Json(message): Json<Message>,
    ) -> poem::Result<Json<Accepted>> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(InternalServerError)?;
        let who = authenticate(&mut tx, &token.0.token).await?;
        check(&mut tx, who, &room).await?;
        let seq = append(&mut tx, who, &room, &message).await.map_err(InternalServerError)?;
        tx.commit().await.map_err(InternalServerError)?;
        Ok(Json(Accepted { room, seq, client_ref: message.client_ref }))
    }
}

async fn authenticate(tx: &mut Transaction<'static, Sqlite>, token: &str) -> poem::Result<i64> {
    let refused = || Error::from_status(StatusCode::UNAUTHORIZED);
    let hash = Token::parse(TokenKind::Access, token).ok_or_else(refused)?.hash().0;
    sqlx::query_scalar("SELECT user_id FROM jim_sessions WHERE access_hash = ? AND ended_at IS NULL")
        .bind(hash)
        .fetch_optional(&mut **tx)
        .await
        .map_err(InternalServerError)?
        .ok_or_else(refused)
}

async fn check(tx: &mut Transaction<'static, Sqlite>, who: i64, room: &str) -> poem::Result<()> {
    let mut names = room.split(':').skip(1).filter_map(|name| name.parse::<i64>().ok());
    let peer = names.find(|name| *name != who).ok_or_else(|| Error::from_status(StatusCode::NOT_FOUND))?;
    let allowed: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM jim_users WHERE id = ?2)
            AND EXISTS (SELECT 1 FROM jim_friendships WHERE user_id = ?1 AND friend_id = ?2)
            AND EXISTS (SELECT 1 FROM jim_conversations WHERE user_id = ?1 AND room = ?3)
            AND NOT EXISTS (SELECT 1 FROM jim_blocks WHERE user_id = ?1 AND blocked_id = ?2)
            AND NOT EXISTS (SELECT 1 FROM jim_blocks WHERE user_id = ?2 AND blocked_id = ?1)",
    )
    .bind(who)
    .bind(peer)
    .bind(room)
    .fetch_one(&mut **tx)
    .await
    .map_err(InternalServerError)?;
    if allowed { Ok(()) } else { Err(NotFound(std::io::Error::other("no such room"))) }
}

async fn append(
    tx: &mut Transaction<'static, Sqlite>,
    who: i64,
    room: &str,
    message: &Message,
) -> Result<i64, sqlx::Error> {
    let (seq, ord, at): (i64, i64, i64) = sqlx::query_as("SELECT seq + 1, ord + 1, at FROM jim_rooms WHERE room = ?")
        .bind(room)
        .fetch_one(&mut **tx)
        .await?;
    let Message { client_ref, content } = message;
    let body = json!({ "client_ref": client_ref, "content": { "kind": content.kind, "text": content.text } });
    sqlx::query(
        "INSERT INTO jim_entries (room, seq, ord, fence, at, by_user, client_ref, kind, digest, body)
         VALUES (?, ?, ?, 0, ?, ?, ?, 'message.sent', 'AAAAAAAAAAAAAAAAAAAAAA', ?)",
    )
    .bind(room)
    .bind(seq)
    .bind(ord)
    .bind(at)
    .bind(who)
    .bind(client_ref)
    .bind(body.to_string())
    .execute(&mut **tx)
    .await?;
    sqlx::query("UPDATE jim_rooms SET seq = ?, ord = ? WHERE room = ?")
        .bind(seq)
        .bind(ord)
        .bind(room)
        .execute(&mut **tx)
        .await?;
    Ok(seq)
}

/// Serves from a copy of the subject's data, so with its schema and its people.
pub(super) async fn serve(data: &std::path::Path) -> Res<()> {
    let options = SqliteConnectOptions::new()
        .filename(SqliteStore::file(data))
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(30));
    let pool = SqlitePool::connect_with(options).await?;
    serve_http(Route::new().nest("/api/v1", OpenApiService::new(Naive { pool }, "naive", "1"))).await
}
