use crate::id::UserId;
use crate::model::presence::{Standing, Status};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{commit, user, users};
use crate::time::Millis;

async fn standing(fresh: &Fresh, user: UserId) -> Standing {
    fresh.read().await.users().get(user).await.unwrap().unwrap().standing
}

async fn set_status(fresh: &Fresh, user: UserId, status: Status) {
    let mut unit = fresh.write().await;
    unit.statuses().set_status(user, status).await.unwrap();
    commit(unit).await;
}

async fn set_seen(fresh: &Fresh, users: &[UserId], at: i64) {
    let mut unit = fresh.write().await;
    unit.statuses().set_seen(users, Millis(at)).await.unwrap();
    commit(unit).await;
}

pub async fn a_status_is_kept_for_one_person_and_read_with_the_account(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    assert_eq!(standing(fresh, ids[0]).await, Standing::default());
    for status in Status::ALL.into_iter().chain([Status::Online]) {
        set_status(fresh, ids[0], status).await;
        assert_eq!(standing(fresh, ids[0]).await, Standing { status, ..Standing::default() });
    }
    set_status(fresh, ids[0], Status::Dnd).await;
    let mut unit = fresh.read().await;
    let found = unit.users().find_by_username("user-0").await.unwrap().unwrap().0;
    let listed = unit.users().list(&ids).await.unwrap();
    let searched = unit.users().find_by_nickname("user", None, 9).await.unwrap();
    for user in [&found, &listed[0], &searched[0]] {
        assert_eq!((user.id, user.standing.status), (ids[0], Status::Dnd));
    }
    assert_eq!((listed[1].standing, searched[1].standing), (Standing::default(), Standing::default()));
}

pub async fn the_end_of_a_text_is_kept_and_taken_back(fresh: &Fresh) {
    let id = user(&*fresh.store, "ann").await;
    for until in [Some(Millis(7)), Some(Millis(9)), None] {
        let mut unit = fresh.write().await;
        unit.statuses().set_text_until(id, until).await.unwrap();
        commit(unit).await;
        assert_eq!(standing(fresh, id).await, Standing { text_until: until, ..Standing::default() });
    }
}

pub async fn when_people_were_last_seen_only_grows(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    let seen = async |user| standing(fresh, user).await.seen_at;
    set_seen(fresh, &ids[..2], 10).await;
    set_seen(fresh, &ids[1..2], 20).await;
    set_seen(fresh, &ids[..2], 15).await;
    assert_eq!(seen(ids[0]).await, Some(Millis(15)));
    assert_eq!(seen(ids[1]).await, Some(Millis(20)));
    assert_eq!(seen(ids[2]).await, None);
    set_seen(fresh, &[], 99).await;
    assert_eq!(standing(fresh, ids[0]).await.status, Status::Online);
}

pub async fn who_is_invisible_is_not_seen(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    set_seen(fresh, &ids[..1], 10).await;
    for id in &ids {
        set_status(fresh, *id, Status::Invisible).await;
    }
    set_seen(fresh, &ids, 20).await;
    assert_eq!(standing(fresh, ids[0]).await.seen_at, Some(Millis(10)));
    assert_eq!(standing(fresh, ids[1]).await.seen_at, None);
    set_status(fresh, ids[0], Status::Away).await;
    set_seen(fresh, &ids, 30).await;
    assert_eq!(standing(fresh, ids[0]).await.seen_at, Some(Millis(30)));
    assert_eq!(standing(fresh, ids[1]).await.seen_at, None);
}

pub async fn a_thousand_people_are_seen_in_one_call_and_who_is_no_account_is_left_out(fresh: &Fresh) {
    let mut ids = users(&*fresh.store, "user", 999).await;
    ids.push(UserId(999_999));
    for at in [10, 20] {
        set_seen(fresh, &ids, at).await;
        let listed = fresh.read().await.users().list(&ids).await.unwrap();
        assert!(listed.len() == 999 && listed.iter().all(|user| user.standing.seen_at == Some(Millis(at))));
    }
    let mut unit = fresh.write().await;
    unit.statuses().set_status(UserId(999_999), Status::Dnd).await.unwrap();
    unit.statuses().set_text_until(UserId(999_999), Some(Millis(1))).await.unwrap();
    commit(unit).await;
    assert_eq!(fresh.read().await.users().get(UserId(999_999)).await.unwrap(), None);
}
