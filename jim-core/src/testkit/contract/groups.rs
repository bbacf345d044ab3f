use super::tools::{at_once, patiently};
use crate::id::{GroupId, UserId};
use crate::model::group::{Blacklisted, FOREVER, GroupRow, HistoryPolicy, InvitePolicy, JoinPolicy, MemberRow, Role};
use crate::repo::{Lock, RepoError};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, group, new_group, users};
use crate::time::Millis;

async fn seen(fresh: &Fresh, id: GroupId) -> GroupRow {
    fresh.read().await.groups().get(id).await.unwrap().unwrap()
}

pub async fn a_group_is_read_back_as_it_was_added_and_has_no_members(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 1).await;
    let new = GroupRow { announcement: Some("Two\nlines".into()), muted: true, ..new_group(ids[0], 3) };
    let mut unit = fresh.write().await;
    let id = unit.groups().add(&new).await.unwrap();
    commit(unit).await;
    assert_eq!(seen(fresh, id).await, GroupRow { id, ..new });
    assert_eq!(fresh.read().await.groups().get(GroupId(id.0 + 1)).await.unwrap(), None);
    assert_eq!(fresh.read().await.members().list(id, None, 10).await.unwrap(), []);
}

pub async fn set_replaces_all_of_a_group_but_its_count(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let id = group(&*fresh.store, &ids[..2], 5).await;
    let other = group(&*fresh.store, &ids[..2], 5).await;
    let new = GroupRow {
        id,
        name: "Renamed".into(),
        announcement: Some("Hear".into()),
        owner: ids[1],
        join_policy: JoinPolicy::Open,
        invite_policy: InvitePolicy::Admins,
        history_policy: HistoryPolicy::All,
        max_members: 9,
        member_count: 7,
        muted: true,
        created_at: AT,
        dissolved_at: Some(Millis(AT.0 + 1)),
    };
    let before = seen(fresh, other).await;
    let mut unit = fresh.write().await;
    unit.groups().set(&new).await.unwrap();
    commit(unit).await;
    assert_eq!(seen(fresh, id).await, GroupRow { member_count: 2, ..new.clone() });
    let mut unit = fresh.write().await;
    unit.groups().set(&GroupRow { announcement: None, dissolved_at: None, ..new.clone() }).await.unwrap();
    commit(unit).await;
    let cleared = GroupRow { member_count: 2, announcement: None, dissolved_at: None, ..new };
    assert_eq!(seen(fresh, id).await, cleared);
    assert_eq!(seen(fresh, other).await, before);
}

pub async fn a_list_holds_the_groups_of_a_person_that_have_not_ended_by_id(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let mut groups = Vec::new();
    for _ in 0..5 {
        groups.push(group(&*fresh.store, &ids[..2], 5).await);
    }
    let foreign = group(&*fresh.store, &ids[1..], 5).await;
    let mut unit = fresh.write().await;
    let mut ended = unit.groups().get(groups[2]).await.unwrap().unwrap();
    ended.dissolved_at = Some(AT);
    unit.groups().set(&ended).await.unwrap();
    commit(unit).await;
    groups.remove(2);
    let mut unit = fresh.read().await;
    assert_eq!(unit.groups().count(ids[0]).await.unwrap(), 4);
    assert_eq!(unit.groups().count(ids[2]).await.unwrap(), 1);
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = unit.groups().list(ids[0], after, 3).await.unwrap();
        assert!(page.len() <= 3);
        after = page.last().map(|group| group.id);
        if page.is_empty() {
            break;
        }
        listed.extend(page.into_iter().map(|group| group.id));
    }
    assert_eq!(listed, groups);
    let of_the_third: Vec<_> = unit.groups().list(ids[2], None, 9).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(of_the_third, [foreign]);
}

pub async fn a_member_is_read_back_as_it_was_added_and_is_added_once(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let id = group(&*fresh.store, &ids[..1], 5).await;
    let member = MemberRow {
        role: Role::Admin,
        nickname: Some("Boss".into()),
        muted_until: Some(FOREVER),
        ..MemberRow::new(id, ids[1], AT)
    };
    let mut unit = fresh.write().await;
    assert!(unit.members().add(&member).await.unwrap());
    commit(unit).await;
    assert_eq!(fresh.read().await.members().get(id, ids[1]).await.unwrap(), Some(member.clone()));
    let mut unit = fresh.write().await;
    let again = unit.members().add(&MemberRow::new(id, ids[1], AT)).await;
    assert!(matches!(again, Err(RepoError::Conflict)), "{again:?}");
    drop(unit);
    assert_eq!(fresh.read().await.members().get(id, ids[1]).await.unwrap(), Some(member));
    assert_eq!(seen(fresh, id).await.member_count, 2);
}

pub async fn of_20_who_want_the_last_3_places_at_once_exactly_3_get_one(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 22).await;
    let id = group(&*fresh.store, &ids[..2], 5).await;
    let taken = at_once(ids[2..].iter().map(|user| {
        let (store, user) = (fresh.store.clone(), *user);
        async move {
            patiently(|| async {
                let mut unit = store.write(&[Lock::Group(id)]).await?;
                let added = unit.members().add(&MemberRow::new(id, user, AT)).await?;
                let _ = unit.commit().await?;
                Ok(added)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 3, "{taken:?}");
    assert_eq!(fresh.read().await.members().list(id, None, 100).await.unwrap().len(), 5);
    assert_eq!(seen(fresh, id).await.member_count, 5);
}

pub async fn a_removed_member_is_gone_once_and_leaves_a_place(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let id = group(&*fresh.store, &ids[..2], 2).await;
    for (user, removed, count) in [(ids[2], false, 2), (ids[1], true, 1), (ids[1], false, 1)] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.members().remove(id, user).await.unwrap(), removed);
        commit(unit).await;
        assert_eq!(seen(fresh, id).await.member_count, count);
        assert_eq!(fresh.read().await.members().get(id, user).await.unwrap(), None);
    }
    let mut unit = fresh.write().await;
    assert!(unit.members().add(&MemberRow::new(id, ids[2], AT)).await.unwrap());
    assert!(!unit.members().add(&MemberRow::new(id, ids[1], AT)).await.unwrap());
}

pub async fn set_replaces_role_nickname_and_mute_of_one_member(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let id = group(&*fresh.store, &ids, 5).await;
    let before = fresh.read().await.members().get(id, ids[0]).await.unwrap();
    let full = MemberRow {
        role: Role::Admin,
        nickname: Some("Deputy".into()),
        muted_until: Some(AT),
        ..MemberRow::new(id, ids[1], AT)
    };
    for member in [full, MemberRow::new(id, ids[1], AT)] {
        let mut unit = fresh.write().await;
        unit.members().set(&member).await.unwrap();
        commit(unit).await;
        assert_eq!(fresh.read().await.members().get(id, ids[1]).await.unwrap(), Some(member));
    }
    assert_eq!(fresh.read().await.members().get(id, ids[0]).await.unwrap(), before);
}

pub async fn members_are_paged_by_id_and_admins_are_counted_without_the_owner(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 7).await;
    let id = group(&*fresh.store, &ids, 9).await;
    group(&*fresh.store, &ids, 9).await;
    let mut unit = fresh.write().await;
    for user in &ids[3..5] {
        unit.members().set(&MemberRow { role: Role::Admin, ..MemberRow::new(id, *user, AT) }).await.unwrap();
    }
    commit(unit).await;
    let mut unit = fresh.read().await;
    assert_eq!(unit.members().admins(id).await.unwrap(), 2);
    let mut listed: Vec<UserId> = Vec::new();
    while listed.len() < 7 {
        let page = unit.members().list(id, listed.last().copied(), 3).await.unwrap();
        assert!(!page.is_empty() && page.len() <= 3);
        listed.extend(page.iter().map(|member| member.user));
    }
    assert_eq!(listed, ids);
    assert_eq!(unit.members().list(id, listed.last().copied(), 3).await.unwrap(), []);
}

pub async fn who_is_blacklisted_is_so_once_in_one_group_by_the_first_word(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let (id, other) = (group(&*fresh.store, &ids[..1], 5).await, group(&*fresh.store, &ids[..1], 5).await);
    let first = Blacklisted { user: ids[1], by: ids[0], at: AT };
    for (who, added) in [(first.clone(), true), (Blacklisted { by: ids[2], ..first.clone() }, false)] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.blacklist().add(id, &who).await.unwrap(), added);
        commit(unit).await;
        assert_eq!(fresh.read().await.blacklist().list(id, None, 10).await.unwrap(), std::slice::from_ref(&first));
    }
    assert!(fresh.read().await.blacklist().contains(id, ids[1]).await.unwrap());
    assert!(!fresh.read().await.blacklist().contains(id, ids[2]).await.unwrap());
    assert!(!fresh.read().await.blacklist().contains(other, ids[1]).await.unwrap());
    for removed in [true, false] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.blacklist().remove(id, ids[1]).await.unwrap(), removed);
        commit(unit).await;
        assert!(!fresh.read().await.blacklist().contains(id, ids[1]).await.unwrap());
    }
}

pub async fn a_blacklist_is_paged_by_id(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 6).await;
    let (id, other) = (group(&*fresh.store, &ids[..1], 5).await, group(&*fresh.store, &ids[..1], 5).await);
    let mut unit = fresh.write().await;
    for user in ids[1..].iter().rev() {
        let who = Blacklisted { user: *user, by: ids[0], at: AT };
        unit.blacklist().add(id, &who).await.unwrap();
        unit.blacklist().add(other, &who).await.unwrap();
    }
    commit(unit).await;
    let mut unit = fresh.read().await;
    let page = |rows: Vec<Blacklisted>| rows.into_iter().map(|row| row.user).collect::<Vec<_>>();
    assert_eq!(page(unit.blacklist().list(id, None, 3).await.unwrap()), ids[1..4]);
    assert_eq!(page(unit.blacklist().list(id, Some(ids[3]), 3).await.unwrap()), ids[4..]);
}
