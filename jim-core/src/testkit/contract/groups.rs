use crate::id::GroupId;
use crate::model::group::{GroupRow, HistoryPolicy, InvitePolicy, JoinPolicy};
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

pub async fn the_groups_asked_for_come_once_by_id_ended_ones_too(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 1).await;
    let mut groups = Vec::new();
    for _ in 0..3 {
        groups.push(group(&*fresh.store, &ids, 5).await);
    }
    let mut unit = fresh.write().await;
    let mut ended = unit.groups().get(groups[0]).await.unwrap().unwrap();
    ended.dissolved_at = Some(AT);
    unit.groups().set(&ended).await.unwrap();
    commit(unit).await;
    let asked = [groups[2], groups[0], GroupId(groups[2].0 + 9), groups[2]];
    let listed = fresh.read().await.groups().list_by_id(&asked).await.unwrap();
    assert_eq!(listed, [ended, seen(fresh, groups[2]).await]);
    assert_eq!(fresh.read().await.groups().list_by_id(&[]).await.unwrap(), []);
}

pub async fn living_groups_of_everybody_are_searched_by_a_part_of_the_name(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let mut groups = Vec::new();
    for (n, name) in ["Book club", "Club", "club 100%", "100_", "Over Club"].into_iter().enumerate() {
        let mut unit = fresh.write().await;
        let over = (name == "Over Club").then_some(AT);
        let new = GroupRow { name: name.into(), dissolved_at: over, ..new_group(ids[n % 2], 3) };
        groups.push(unit.groups().add(&new).await.unwrap());
        commit(unit).await;
    }
    let mut unit = fresh.read().await;
    for (text, expected) in [
        ("", &groups[..4]),
        ("Club", &groups[1..2]),
        ("club", &[groups[0], groups[2]]),
        ("%", &groups[2..3]),
        ("0_", &groups[3..4]),
    ] {
        let found = unit.groups().search(text, None, 9).await.unwrap();
        assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), expected, "{text}");
    }
    let page = unit.groups().search("", Some(groups[0]), 2).await.unwrap();
    assert_eq!(page.iter().map(|row| row.id).collect::<Vec<_>>(), groups[1..3]);
}
