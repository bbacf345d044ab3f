use async_trait::async_trait;

use super::conn::{Arg, Verbs as _, args, broken};
use super::tx::SqlTx;
use super::{chunks, sql, tuples};
use crate::id::{GroupId, UserId};
use crate::model::group::{GroupRow, HistoryPolicy, InvitePolicy, JoinPolicy};
use crate::repo::{GroupRepo, RepoError, Res};
use crate::time::Millis;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    name: String,
    announcement: Option<String>,
    owner_id: i64,
    join_policy: String,
    invite_policy: String,
    history_policy: String,
    max_members: i64,
    member_count: i64,
    muted: i64,
    created_at: i64,
    dissolved_at: Option<i64>,
}

const COLUMNS: &str = "g.id, g.name, g.announcement, g.owner_id, g.join_policy, g.invite_policy, g.history_policy,
    g.max_members, g.member_count, g.muted, g.created_at, g.dissolved_at";

fn unknown<E>(_: E) -> RepoError {
    broken("a group has a value that this release does not know")
}

impl TryFrom<Row> for GroupRow {
    type Error = RepoError;

    fn try_from(row: Row) -> Res<Self> {
        Ok(GroupRow {
            id: GroupId(row.id),
            name: row.name,
            announcement: row.announcement,
            owner: UserId(row.owner_id),
            join_policy: JoinPolicy::parse(&row.join_policy).map_err(unknown)?,
            invite_policy: InvitePolicy::parse(&row.invite_policy).map_err(unknown)?,
            history_policy: HistoryPolicy::parse(&row.history_policy).map_err(unknown)?,
            max_members: row.max_members.try_into().map_err(unknown)?,
            member_count: row.member_count.try_into().map_err(unknown)?,
            muted: row.muted != 0,
            created_at: Millis(row.created_at),
            dissolved_at: row.dissolved_at.map(Millis),
        })
    }
}

/// What of a group may change, in the order of the statements.
fn values(group: &GroupRow) -> Vec<Arg> {
    args![
        group.name.as_str(),
        group.announcement.as_deref(),
        group.owner,
        group.join_policy.as_str(),
        group.invite_policy.as_str(),
        group.history_policy.as_str(),
        i64::from(group.max_members),
        group.muted,
        group.dissolved_at,
    ]
}

#[async_trait]
impl GroupRepo for SqlTx {
    async fn add(&mut self, group: &GroupRow) -> Res<GroupId> {
        let mut conn = self.conn().await?;
        let mut args = values(group);
        args.push(group.created_at.into());
        let id = conn
            .insert(
                "INSERT INTO jim_groups (name, announcement, owner_id, join_policy, invite_policy, history_policy,
                     max_members, muted, dissolved_at, created_at, member_count)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                args,
            )
            .await?;
        Ok(GroupId(id))
    }

    async fn get(&mut self, id: GroupId) -> Res<Option<GroupRow>> {
        let mut conn = self.conn().await?;
        let row: Option<Row> =
            conn.row(sql(format!("SELECT {COLUMNS} FROM jim_groups g WHERE g.id = ?")), args![id]).await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn set(&mut self, group: &GroupRow) -> Res<()> {
        let mut conn = self.conn().await?;
        let mut args = values(group);
        args.push(group.id.into());
        conn.run(
            "UPDATE jim_groups SET name = ?, announcement = ?, owner_id = ?, join_policy = ?, invite_policy = ?,
                 history_policy = ?, max_members = ?, muted = ?, dissolved_at = ?
             WHERE id = ?",
            args,
        )
        .await?;
        Ok(())
    }

    async fn list_by_id(&mut self, ids: &[GroupId]) -> Res<Vec<GroupRow>> {
        let mut conn = self.conn().await?;
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut groups = Vec::with_capacity(ids.len());
        for ids in chunks(&ids, 128) {
            let text =
                format!("SELECT {COLUMNS} FROM jim_groups g WHERE g.id IN {} ORDER BY g.id", tuples(1, ids.len()));
            let rows: Vec<Row> = conn.rows(sql(text), ids.iter().copied().map(Arg::from).collect()).await?;
            for row in rows {
                groups.push(row.try_into()?);
            }
        }
        Ok(groups)
    }

    async fn list(&mut self, user: UserId, after: Option<GroupId>, limit: u16) -> Res<Vec<GroupRow>> {
        let mut conn = self.conn().await?;
        let text = format!(
            "SELECT {COLUMNS} FROM jim_members m JOIN jim_groups g ON g.id = m.group_id
             WHERE m.user_id = ? AND m.group_id > ? AND g.dissolved_at IS NULL ORDER BY m.group_id LIMIT ?"
        );
        let rows: Vec<Row> = conn.rows(sql(text), args![user, after.unwrap_or(GroupId(0)), limit]).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn search(&mut self, text: &str, after: Option<GroupId>, limit: u16) -> Res<Vec<GroupRow>> {
        let mut conn = self.conn().await?;
        let mut select = format!("SELECT {COLUMNS} FROM jim_groups g WHERE g.id > ? AND g.dissolved_at IS NULL");
        let mut args = args![after.unwrap_or(GroupId(0))];
        if !text.is_empty() {
            select += " AND INSTR(g.name, ?) > 0";
            args.push(text.into());
        }
        args.push(limit.into());
        let rows: Vec<Row> = conn.rows(sql(select + " ORDER BY g.id LIMIT ?"), args).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn count(&mut self, user: UserId) -> Res<u32> {
        let mut conn = self.conn().await?;
        let row: Option<(i64,)> = conn
            .row(
                "SELECT COUNT(*) FROM jim_members m JOIN jim_groups g ON g.id = m.group_id
                 WHERE m.user_id = ? AND g.dissolved_at IS NULL",
                args![user],
            )
            .await?;
        Ok(row.and_then(|(count,)| count.try_into().ok()).unwrap_or_default())
    }
}
