use super::tools::{at_once, one_won, patiently};
use crate::id::UserId;
use crate::model::friend::{FriendFilter, Friendship, Label};
use crate::repo::{Lock, RepoError};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, friends, users};
use crate::time::Millis;

async fn remove(fresh: &Fresh, a: UserId, b: UserId) -> bool {
    let mut unit = fresh.write().await;
    let removed = unit.friends().remove(a, b).await.unwrap();
    commit(unit).await;
    removed
}

async fn remark(fresh: &Fresh, user: UserId, friend: UserId, remark: Option<&str>) -> bool {
    let mut unit = fresh.write().await;
    let done = unit.friends().set_remark(user, friend, remark).await.unwrap();
    commit(unit).await;
    done
}

async fn label(fresh: &Fresh, user: UserId, friend: UserId, labels: &[&str], starred: bool) -> bool {
    let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
    let mut unit = fresh.write().await;
    let done = unit.friends().set_labels(user, friend, &labels, starred).await.unwrap();
    commit(unit).await;
    done
}

async fn found(fresh: &Fresh, user: UserId, label: Option<&str>, starred: bool) -> Vec<UserId> {
    let filter = FriendFilter { label: label.map(|label| Label::parse(label).unwrap()), starred };
    let rows = fresh.read().await.friends().find_by_filter(user, &filter, None, 9).await.unwrap();
    rows.into_iter().map(|row| row.friend).collect()
}

pub async fn a_friendship_is_made_for_both_sides(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    friends(&*fresh.store, ids[1], ids[0]).await;
    let mut unit = fresh.read().await;
    for (user, friend) in [(ids[0], ids[1]), (ids[1], ids[0])] {
        let expected = Friendship::new(friend, AT);
        assert_eq!(unit.friends().get(user, friend).await.unwrap(), Some(expected.clone()));
        assert_eq!(unit.friends().list(user, None, 9).await.unwrap(), [expected]);
        assert_eq!(unit.friends().count(user).await.unwrap(), 1);
    }
    assert_eq!(unit.friends().get(ids[0], ids[2]).await.unwrap(), None);
    assert_eq!(unit.friends().list(ids[2], None, 9).await.unwrap(), []);
    assert_eq!(unit.friends().count(ids[2]).await.unwrap(), 0);
}

pub async fn a_friendship_is_made_once_from_either_side(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    friends(&*fresh.store, ids[0], ids[1]).await;
    assert!(remark(fresh, ids[0], ids[1], Some("kept")).await);
    for (a, b) in [(ids[0], ids[1]), (ids[1], ids[0])] {
        let mut unit = fresh.write().await;
        let again = unit.friends().add(a, b, Millis(1)).await;
        assert!(matches!(again, Err(RepoError::Conflict)), "{again:?}");
    }
    let kept = fresh.read().await.friends().get(ids[0], ids[1]).await.unwrap().unwrap();
    assert_eq!((kept.remark.as_deref(), kept.since), (Some("kept"), AT));
}

pub async fn of_20_who_befriend_the_same_two_at_once_exactly_one_does(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let answers = at_once((0..20).map(|n| {
        let store = fresh.store.clone();
        let (a, b) = if n % 2 == 0 { (ids[0], ids[1]) } else { (ids[1], ids[0]) };
        async move {
            patiently(|| async {
                let mut unit = store.write(&[Lock::User(a), Lock::User(b)]).await?;
                unit.friends().add(a, b, AT).await?;
                unit.commit().await.map(drop)
            })
            .await
        }
    }))
    .await;
    assert!(one_won(&answers), "{answers:?}");
}

pub async fn a_friendship_ends_for_both_sides_once(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    friends(&*fresh.store, ids[0], ids[1]).await;
    friends(&*fresh.store, ids[0], ids[2]).await;
    assert!(remove(fresh, ids[1], ids[0]).await);
    assert!(!remove(fresh, ids[1], ids[0]).await);
    assert!(!remove(fresh, ids[0], ids[1]).await);
    let mut unit = fresh.read().await;
    assert_eq!(unit.friends().get(ids[0], ids[1]).await.unwrap(), None);
    assert_eq!(unit.friends().get(ids[1], ids[0]).await.unwrap(), None);
    assert_eq!(unit.friends().count(ids[0]).await.unwrap(), 1);
}

pub async fn a_friendship_can_be_made_again_and_is_a_new_one(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    friends(&*fresh.store, ids[0], ids[1]).await;
    assert!(remark(fresh, ids[0], ids[1], Some("old")).await);
    assert!(label(fresh, ids[0], ids[1], &["old"], true).await);
    assert!(label(fresh, ids[1], ids[0], &["old"], true).await);
    assert!(remove(fresh, ids[0], ids[1]).await);
    let mut unit = fresh.write().await;
    unit.friends().add(ids[0], ids[1], Millis(7)).await.unwrap();
    commit(unit).await;
    let other = fresh.read().await.friends().get(ids[1], ids[0]).await.unwrap();
    assert_eq!(other, Some(Friendship::new(ids[0], Millis(7))), "what either kept of it is gone");
    let again = fresh.read().await.friends().get(ids[0], ids[1]).await.unwrap();
    assert_eq!(again, Some(Friendship::new(ids[1], Millis(7))));
}

pub async fn friends_are_paged_by_id_and_never_more_than_the_limit(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 8).await;
    let owner = ids[3];
    for friend in [7, 0, 5, 1, 6, 2, 4] {
        friends(&*fresh.store, owner, ids[friend]).await;
    }
    let mut unit = fresh.read().await;
    let mut page = async |after, limit| -> Vec<UserId> {
        unit.friends().list(owner, after, limit).await.unwrap().into_iter().map(|row| row.friend).collect()
    };
    assert_eq!(page(None, 3).await, [ids[0], ids[1], ids[2]]);
    assert_eq!(page(Some(ids[2]), 3).await, [ids[4], ids[5], ids[6]]);
    assert_eq!(page(Some(ids[6]), 3).await, [ids[7]]);
    assert_eq!(page(Some(ids[7]), 3).await, []);
    assert_eq!(unit.friends().count(owner).await.unwrap(), 7);
}

pub async fn a_remark_is_its_owners_alone_and_can_be_cleared(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    friends(&*fresh.store, ids[0], ids[1]).await;
    assert!(remark(fresh, ids[0], ids[1], Some("my 👩‍👩‍👧")).await);
    // MySQL counts a row that was set to what it held as unchanged.
    assert!(remark(fresh, ids[0], ids[1], Some("my 👩‍👩‍👧")).await);
    let mut unit = fresh.read().await;
    assert_eq!(unit.friends().get(ids[0], ids[1]).await.unwrap().unwrap().remark.as_deref(), Some("my 👩‍👩‍👧"));
    assert_eq!(unit.friends().get(ids[1], ids[0]).await.unwrap().unwrap().remark, None);
    drop(unit);
    assert!(remark(fresh, ids[0], ids[1], None).await);
    assert_eq!(fresh.read().await.friends().get(ids[0], ids[1]).await.unwrap().unwrap().remark, None);
    assert!(!remark(fresh, ids[0], ids[2], Some("stranger")).await);
    assert_eq!(fresh.read().await.friends().get(ids[0], ids[2]).await.unwrap(), None);
}

pub async fn labels_and_stars_are_their_owners_alone_and_are_replaced_together(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    friends(&*fresh.store, ids[0], ids[1]).await;
    assert!(label(fresh, ids[0], ids[1], &["work", "Work", "😀 ö"], true).await);
    let kept = async || fresh.read().await.friends().get(ids[0], ids[1]).await.unwrap().unwrap();
    assert_eq!(kept().await.labels, ["Work", "work", "😀 ö"], "each is told from the others, and they come in order");
    assert!(kept().await.starred);
    let other = fresh.read().await.friends().get(ids[1], ids[0]).await.unwrap();
    assert_eq!(other, Some(Friendship::new(ids[0], AT)));
    assert!(label(fresh, ids[0], ids[1], &["home"], false).await);
    assert_eq!((kept().await.labels, kept().await.starred), (vec!["home".to_owned()], false));
    assert!(label(fresh, ids[0], ids[1], &[], true).await);
    assert_eq!((kept().await.labels, kept().await.starred), (Vec::new(), true));
    assert!(!label(fresh, ids[0], ids[2], &["nobody"], true).await, "of nobody but friends");
    assert_eq!(fresh.read().await.friends().get(ids[0], ids[2]).await.unwrap(), None);
}

pub async fn friends_are_found_by_label_and_star_by_id(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 6).await;
    for friend in &ids[1..5] {
        friends(&*fresh.store, ids[0], *friend).await;
    }
    friends(&*fresh.store, ids[1], ids[2]).await;
    assert!(label(fresh, ids[0], ids[1], &["work", "chess"], true).await);
    assert!(label(fresh, ids[0], ids[2], &["work"], false).await);
    assert!(label(fresh, ids[0], ids[3], &["Work"], true).await);
    assert!(label(fresh, ids[1], ids[2], &["chess"], true).await);
    assert_eq!(found(fresh, ids[0], None, false).await, ids[1..5]);
    assert_eq!(found(fresh, ids[0], Some("work"), false).await, ids[1..3]);
    assert_eq!(found(fresh, ids[0], Some("chess"), false).await, ids[1..2]);
    assert_eq!(found(fresh, ids[0], None, true).await, [ids[1], ids[3]]);
    assert_eq!(found(fresh, ids[0], Some("work"), true).await, ids[1..2]);
    assert_eq!(found(fresh, ids[0], Some("none"), false).await, []);
    assert_eq!(found(fresh, ids[5], Some("work"), false).await, []);
    let filter = FriendFilter { label: Some(Label::parse("work").unwrap()), starred: false };
    let mut unit = fresh.read().await;
    let first = unit.friends().find_by_filter(ids[0], &filter, None, 1).await.unwrap();
    assert_eq!(first[0].friend, ids[1]);
    assert_eq!(first[0].labels, ["chess", "work"]);
    let rest = unit.friends().find_by_filter(ids[0], &filter, Some(ids[1]), 9).await.unwrap();
    assert_eq!(rest.into_iter().map(|row| row.friend).collect::<Vec<_>>(), ids[2..3]);
}

pub async fn the_audience_of_a_person_is_friends_whom_he_does_not_block(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 5).await;
    for friend in &ids[1..4] {
        friends(&*fresh.store, ids[0], *friend).await;
    }
    let mut unit = fresh.write().await;
    for (who, other) in [(0, 2), (3, 0), (0, 4)] {
        unit.blocks().add(ids[who], ids[other], AT).await.unwrap();
    }
    commit(unit).await;
    let mut unit = fresh.read().await;
    assert_eq!(unit.friends().list_audience(ids[0]).await.unwrap(), [ids[1], ids[3]]);
    assert_eq!(unit.friends().list_audience(ids[3]).await.unwrap(), []);
    assert_eq!(unit.friends().list_audience(ids[4]).await.unwrap(), []);
}
