use std::collections::HashMap;

use async_trait::async_trait;

use super::conn::{Arg, Verbs as _, args};
use super::tx::{Held, SqlTx};
use super::{sql, tuples};
use crate::id::UserId;
use crate::model::friend::{FriendFilter, Friendship};
use crate::repo::{FriendRepo, Res};
use crate::time::Millis;

/// The label that is a star.
const STAR: &str = "";

#[derive(sqlx::FromRow)]
struct Row {
    friend_id: i64,
    remark: Option<String>,
    since: i64,
}

impl From<Row> for Friendship {
    fn from(row: Row) -> Self {
        Friendship { remark: row.remark, ..Friendship::new(UserId(row.friend_id), Millis(row.since)) }
    }
}

/// Friendships of a person, which come by id, with their labels.
async fn labelled(conn: &mut Held, user: UserId, rows: Vec<Row>) -> Res<Vec<Friendship>> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(Vec::new()) };
    let text = "SELECT friend_id, label FROM jim_friend_labels WHERE user_id = ? AND friend_id BETWEEN ? AND ?
         ORDER BY friend_id, label";
    let labels: Vec<(i64, String)> = conn.rows(text, args![user, first.friend_id, last.friend_id]).await?;
    let mut of: HashMap<i64, Vec<String>> = HashMap::new();
    for (friend, label) in labels {
        of.entry(friend).or_default().push(label);
    }
    let friendship = |row: Row| {
        let mut labels = of.remove(&row.friend_id).unwrap_or_default();
        let all = labels.len();
        labels.retain(|label| label != STAR);
        Friendship { starred: labels.len() < all, labels, ..Friendship::from(row) }
    };
    Ok(rows.into_iter().map(friendship).collect())
}

#[async_trait]
impl FriendRepo for SqlTx {
    async fn get(&mut self, user: UserId, friend: UserId) -> Res<Option<Friendship>> {
        let mut conn = self.conn().await?;
        let rows: Vec<Row> = conn
            .rows(
                "SELECT friend_id, remark, since FROM jim_friendships WHERE user_id = ? AND friend_id = ?",
                args![user, friend],
            )
            .await?;
        Ok(labelled(&mut conn, user, rows).await?.pop())
    }

    async fn find_by_filter(
        &mut self,
        user: UserId,
        filter: &FriendFilter,
        after: Option<UserId>,
        limit: u16,
    ) -> Res<Vec<Friendship>> {
        let label = filter.label.as_ref().map(|label| label.0.as_str());
        let wanted: Vec<&str> = label.into_iter().chain(filter.starred.then_some(STAR)).collect();
        let labelled_so = |n: usize| {
            format!(
                " JOIN jim_friend_labels l{n} ON l{n}.user_id = f.user_id AND l{n}.friend_id = f.friend_id AND l{n}.label = ?"
            )
        };
        let text = format!(
            "SELECT f.friend_id, f.remark, f.since FROM jim_friendships f{} WHERE f.user_id = ? AND f.friend_id > ?
             ORDER BY f.friend_id LIMIT ?",
            (0..wanted.len()).map(labelled_so).collect::<String>()
        );
        let mut args: Vec<Arg> = wanted.into_iter().map(Arg::from).collect();
        args.extend(args![user, after.unwrap_or(UserId::SYSTEM), limit]);
        let mut conn = self.conn().await?;
        let rows: Vec<Row> = conn.rows(sql(text), args).await?;
        labelled(&mut conn, user, rows).await
    }

    async fn list_audience(&mut self, user: UserId) -> Res<Vec<UserId>> {
        let mut conn = self.conn().await?;
        let rows: Vec<(i64,)> = conn
            .rows(
                "SELECT f.friend_id FROM jim_friendships f WHERE f.user_id = ? AND NOT EXISTS
                     (SELECT 1 FROM jim_blocks b WHERE b.user_id = f.user_id AND b.blocked_id = f.friend_id)
                 ORDER BY f.friend_id",
                args![user],
            )
            .await?;
        Ok(rows.into_iter().map(|(id,)| UserId(id)).collect())
    }

    async fn count(&mut self, user: UserId) -> Res<u32> {
        let mut conn = self.conn().await?;
        let row: Option<(i64,)> =
            conn.row("SELECT COUNT(*) FROM jim_friendships WHERE user_id = ?", args![user]).await?;
        Ok(row.and_then(|(count,)| count.try_into().ok()).unwrap_or_default())
    }

    async fn add(&mut self, a: UserId, b: UserId, since: Millis) -> Res<()> {
        let mut conn = self.conn_changing(a).await?;
        conn.run(
            "INSERT INTO jim_friendships (user_id, friend_id, since) VALUES (?, ?, ?), (?, ?, ?)",
            args![a, b, since, b, a, since],
        )
        .await?;
        Ok(())
    }

    async fn remove(&mut self, a: UserId, b: UserId) -> Res<bool> {
        let mut conn = self.conn_changing(a).await?;
        let both = "WHERE (user_id = ? AND friend_id = ?) OR (user_id = ? AND friend_id = ?)";
        conn.run(sql(format!("DELETE FROM jim_friend_labels {both}")), args![a, b, b, a]).await?;
        let removed = conn.run(sql(format!("DELETE FROM jim_friendships {both}")), args![a, b, b, a]).await?;
        Ok(removed > 0)
    }

    async fn set_remark(&mut self, user: UserId, friend: UserId, remark: Option<&str>) -> Res<bool> {
        let mut conn = self.conn().await?;
        let set = conn
            .run(
                "UPDATE jim_friendships SET remark = ? WHERE user_id = ? AND friend_id = ?",
                args![remark, user, friend],
            )
            .await?;
        Ok(set > 0)
    }

    async fn set_labels(&mut self, user: UserId, friend: UserId, labels: &[String], starred: bool) -> Res<bool> {
        let mut conn = self.conn().await?;
        let friends: Option<(i64,)> = conn
            .row("SELECT friend_id FROM jim_friendships WHERE user_id = ? AND friend_id = ?", args![user, friend])
            .await?;
        if friends.is_none() {
            return Ok(false);
        }
        conn.run("DELETE FROM jim_friend_labels WHERE user_id = ? AND friend_id = ?", args![user, friend]).await?;
        let all: Vec<&str> = labels.iter().map(String::as_str).chain(starred.then_some(STAR)).collect();
        if !all.is_empty() {
            let rows = tuples(all.len(), 3);
            let text = format!("INSERT INTO jim_friend_labels (user_id, friend_id, label) VALUES {rows}");
            conn.run(sql(text), all.into_iter().flat_map(|label| args![user, friend, label]).collect()).await?;
        }
        Ok(true)
    }
}
