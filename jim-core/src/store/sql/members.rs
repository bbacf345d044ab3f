use async_trait::async_trait;

use super::conn::{Arg, Verbs, args, broken};
use super::tx::SqlTx;
use super::users::STATE_ACTIVE;
use super::{chunks, sql, tuples};
use crate::id::{GroupId, UserId};
use crate::model::group::{Former, MemberRow, Role};
use crate::repo::{MemberRepo, RepoError, Res};
use crate::time::Millis;

#[derive(sqlx::FromRow)]
struct Row {
    group_id: i64,
    user_id: i64,
    role: i64,
    nickname: Option<String>,
    muted_until: Option<i64>,
    joined_at: i64,
}

/// Roles are numbers in storage, the greater the mightier.
fn number(role: Role) -> i64 {
    match role {
        Role::Member => 0,
        Role::Admin => 1,
        Role::Owner => 2,
    }
}

impl TryFrom<Row> for MemberRow {
    type Error = RepoError;

    fn try_from(row: Row) -> Res<Self> {
        let role = Role::ALL.iter().find(|role| number(**role) == row.role).copied();
        Ok(MemberRow {
            group: GroupId(row.group_id),
            user: UserId(row.user_id),
            role: role.ok_or_else(|| broken("a member has a role that this release does not know"))?,
            nickname: row.nickname,
            muted_until: row.muted_until.map(Millis),
            joined_at: Millis(row.joined_at),
        })
    }
}

#[async_trait]
impl MemberRepo for SqlTx {
    async fn add(&mut self, member: &MemberRow) -> Res<bool> {
        let mut conn = self.conn().await?;
        let place = conn
            .run(
                "UPDATE jim_groups SET member_count = member_count + 1 WHERE id = ? AND member_count < max_members",
                args![member.group],
            )
            .await?;
        if place == 0 {
            return Ok(false);
        }
        conn.run(
            "INSERT INTO jim_members (group_id, user_id, role, nickname, muted_until, joined_at)
             VALUES (?, ?, ?, ?, ?, ?)",
            args![
                member.group,
                member.user,
                number(member.role),
                member.nickname.as_deref(),
                member.muted_until,
                member.joined_at,
            ],
        )
        .await?;
        Ok(true)
    }

    async fn get(&mut self, group: GroupId, user: UserId) -> Res<Option<MemberRow>> {
        let mut conn = self.conn().await?;
        let row: Option<Row> = conn
            .row(
                "SELECT group_id, user_id, role, nickname, muted_until, joined_at FROM jim_members
                 WHERE group_id = ? AND user_id = ?",
                args![group, user],
            )
            .await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn set(&mut self, member: &MemberRow) -> Res<()> {
        let mut conn = self.conn().await?;
        conn.run(
            "UPDATE jim_members SET role = ?, nickname = ?, muted_until = ? WHERE group_id = ? AND user_id = ?",
            args![number(member.role), member.nickname.as_deref(), member.muted_until, member.group, member.user],
        )
        .await?;
        Ok(())
    }

    async fn remove(&mut self, group: GroupId, user: UserId) -> Res<bool> {
        let mut conn = self.conn().await?;
        let member: Option<(i64, Option<i64>)> = conn
            .row(
                "SELECT joined_at, muted_until FROM jim_members WHERE group_id = ? AND user_id = ?",
                args![group, user],
            )
            .await?;
        let Some((joined_at, muted_until)) = member else { return Ok(false) };
        conn.run("DELETE FROM jim_former_members WHERE group_id = ? AND user_id = ?", args![group, user]).await?;
        conn.run(
            "INSERT INTO jim_former_members (group_id, user_id, joined_at, muted_until) VALUES (?, ?, ?, ?)",
            args![group, user, joined_at, muted_until],
        )
        .await?;
        conn.run("DELETE FROM jim_members WHERE group_id = ? AND user_id = ?", args![group, user]).await?;
        conn.run("UPDATE jim_groups SET member_count = member_count - 1 WHERE id = ?", args![group]).await?;
        Ok(true)
    }

    async fn former(&mut self, group: GroupId, user: UserId) -> Res<Option<Former>> {
        let mut conn = self.conn().await?;
        let row: Option<(i64, Option<i64>)> = conn
            .row(
                "SELECT joined_at, muted_until FROM jim_former_members WHERE group_id = ? AND user_id = ?",
                args![group, user],
            )
            .await?;
        Ok(row.map(|(joined_at, muted_until)| Former {
            joined_at: Millis(joined_at),
            muted_until: muted_until.map(Millis),
        }))
    }

    async fn former_of(&mut self, user: UserId) -> Res<Vec<GroupId>> {
        let mut conn = self.conn().await?;
        let text = "SELECT group_id FROM jim_former_members WHERE user_id = ? ORDER BY group_id";
        let rows: Vec<(i64,)> = conn.rows(text, args![user]).await?;
        Ok(rows.into_iter().map(|(group,)| GroupId(group)).collect())
    }

    async fn heir(&mut self, group: GroupId, of: UserId) -> Res<Option<MemberRow>> {
        let mut conn = self.conn().await?;
        let row: Option<Row> = conn
            .row(
                "SELECT m.group_id, m.user_id, m.role, m.nickname, m.muted_until, m.joined_at
                 FROM jim_members m JOIN jim_users u ON u.id = m.user_id
                 WHERE m.group_id = ? AND m.user_id <> ?
                 ORDER BY u.state <> ?, m.role DESC, m.joined_at, m.user_id LIMIT 1",
                args![group, of, STATE_ACTIVE],
            )
            .await?;
        row.map(TryInto::try_into).transpose()
    }

    async fn list(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<MemberRow>> {
        let mut conn = self.conn().await?;
        let rows: Vec<Row> = conn
            .rows(
                "SELECT group_id, user_id, role, nickname, muted_until, joined_at FROM jim_members
                 WHERE group_id = ? AND user_id > ? ORDER BY user_id LIMIT ?",
                args![group, after.unwrap_or(UserId::SYSTEM), limit],
            )
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn list_by_id(&mut self, group: GroupId, users: &[UserId]) -> Res<Vec<MemberRow>> {
        some(&mut *self.conn().await?, ("group_id", group.0), ("user_id", users)).await
    }

    async fn list_of(&mut self, user: UserId, groups: &[GroupId]) -> Res<Vec<MemberRow>> {
        some(&mut *self.conn().await?, ("user_id", user.0), ("group_id", groups)).await
    }

    async fn deciders(&mut self, group: GroupId) -> Res<Vec<UserId>> {
        let mut conn = self.conn().await?;
        let rows: Vec<(i64,)> = conn
            .rows(
                "SELECT user_id FROM jim_members WHERE group_id = ? AND role > ? ORDER BY role DESC, user_id",
                args![group, number(Role::Member)],
            )
            .await?;
        Ok(rows.into_iter().map(|(user,)| UserId(user)).collect())
    }

    async fn admins(&mut self, group: GroupId) -> Res<u32> {
        let mut conn = self.conn().await?;
        let row: Option<(i64,)> = conn
            .row("SELECT COUNT(*) FROM jim_members WHERE group_id = ? AND role = ?", args![group, number(Role::Admin)])
            .await?;
        Ok(row.and_then(|(count,)| count.try_into().ok()).unwrap_or_default())
    }
}

/// Members of whom one half of the key is the same, and the other one of many.
async fn some<T: Copy + Ord + Into<Arg>>(
    conn: &mut impl Verbs,
    (one, is): (&str, i64),
    (other, any): (&str, &[T]),
) -> Res<Vec<MemberRow>> {
    let mut any = any.to_vec();
    any.sort_unstable();
    any.dedup();
    let mut members = Vec::with_capacity(any.len());
    for any in chunks(&any, 128) {
        let text = format!(
            "SELECT group_id, user_id, role, nickname, muted_until, joined_at FROM jim_members
             WHERE {one} = ? AND {other} IN {} ORDER BY {other}",
            tuples(1, any.len())
        );
        let args = std::iter::once(is.into()).chain(any.iter().copied().map(Into::into)).collect();
        let rows: Vec<Row> = conn.rows(sql(text), args).await?;
        for row in rows {
            members.push(row.try_into()?);
        }
    }
    Ok(members)
}
