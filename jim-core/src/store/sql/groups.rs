use async_trait::async_trait;

use super::conn::{Arg, Verbs as _, args, broken};
use super::tx::SqlTx;
use crate::id::{GroupId, UserId};
use crate::model::group::{Blacklisted, GroupRow, HistoryPolicy, InvitePolicy, JoinPolicy, MemberRow, Role};
use crate::repo::{BlacklistRepo, GroupRepo, MemberRepo, RepoError, Res};
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
    muted: bool,
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
            muted: row.muted,
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
            conn.row(super::sql(format!("SELECT {COLUMNS} FROM jim_groups g WHERE g.id = ?")), args![id]).await?;
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

    async fn list(&mut self, user: UserId, after: Option<GroupId>, limit: u16) -> Res<Vec<GroupRow>> {
        let mut conn = self.conn().await?;
        let text = format!(
            "SELECT {COLUMNS} FROM jim_members m JOIN jim_groups g ON g.id = m.group_id
             WHERE m.user_id = ? AND m.group_id > ? AND g.dissolved_at IS NULL ORDER BY m.group_id LIMIT ?"
        );
        let rows: Vec<Row> = conn.rows(super::sql(text), args![user, after.unwrap_or(GroupId(0)), limit]).await?;
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

#[derive(sqlx::FromRow)]
struct Member {
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

impl TryFrom<Member> for MemberRow {
    type Error = RepoError;

    fn try_from(row: Member) -> Res<Self> {
        let role = Role::ALL.iter().find(|role| number(**role) == row.role).copied();
        Ok(MemberRow {
            group: GroupId(row.group_id),
            user: UserId(row.user_id),
            role: role.ok_or_else(|| unknown(()))?,
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
        let row: Option<Member> = conn
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
        let removed =
            conn.run("DELETE FROM jim_members WHERE group_id = ? AND user_id = ?", args![group, user]).await?;
        if removed > 0 {
            conn.run("UPDATE jim_groups SET member_count = member_count - 1 WHERE id = ?", args![group]).await?;
        }
        Ok(removed > 0)
    }

    async fn list(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<MemberRow>> {
        let mut conn = self.conn().await?;
        let rows: Vec<Member> = conn
            .rows(
                "SELECT group_id, user_id, role, nickname, muted_until, joined_at FROM jim_members
                 WHERE group_id = ? AND user_id > ? ORDER BY user_id LIMIT ?",
                args![group, after.unwrap_or(UserId::SYSTEM), limit],
            )
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    async fn admins(&mut self, group: GroupId) -> Res<u32> {
        let mut conn = self.conn().await?;
        let row: Option<(i64,)> = conn
            .row("SELECT COUNT(*) FROM jim_members WHERE group_id = ? AND role = ?", args![group, number(Role::Admin)])
            .await?;
        Ok(row.and_then(|(count,)| count.try_into().ok()).unwrap_or_default())
    }
}

#[derive(sqlx::FromRow)]
struct Listed {
    user_id: i64,
    by_user: i64,
    at: i64,
}

#[async_trait]
impl BlacklistRepo for SqlTx {
    async fn add(&mut self, group: GroupId, who: &Blacklisted) -> Res<bool> {
        let mut conn = self.conn().await?;
        let added = conn
            .run(
                "INSERT INTO jim_blacklist (group_id, user_id, by_user, at) VALUES (?, ?, ?, ?)
                 ON CONFLICT (group_id, user_id) DO NOTHING",
                args![group, who.user, who.by, who.at],
            )
            .await?;
        Ok(added > 0)
    }

    async fn remove(&mut self, group: GroupId, user: UserId) -> Res<bool> {
        let mut conn = self.conn().await?;
        let removed =
            conn.run("DELETE FROM jim_blacklist WHERE group_id = ? AND user_id = ?", args![group, user]).await?;
        Ok(removed > 0)
    }

    async fn contains(&mut self, group: GroupId, user: UserId) -> Res<bool> {
        let mut conn = self.conn().await?;
        let row: Option<(i64,)> = conn
            .row("SELECT user_id FROM jim_blacklist WHERE group_id = ? AND user_id = ?", args![group, user])
            .await?;
        Ok(row.is_some())
    }

    async fn list(&mut self, group: GroupId, after: Option<UserId>, limit: u16) -> Res<Vec<Blacklisted>> {
        let mut conn = self.conn().await?;
        let rows: Vec<Listed> = conn
            .rows(
                "SELECT user_id, by_user, at FROM jim_blacklist WHERE group_id = ? AND user_id > ?
                 ORDER BY user_id LIMIT ?",
                args![group, after.unwrap_or(UserId::SYSTEM), limit],
            )
            .await?;
        let listed =
            |row: Listed| Blacklisted { user: UserId(row.user_id), by: UserId(row.by_user), at: Millis(row.at) };
        Ok(rows.into_iter().map(listed).collect())
    }
}
