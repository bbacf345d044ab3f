use serde_json::value::RawValue;

use super::tools::{START, at_once, patiently, up_to};
use crate::id::{Seq, UserId};
use crate::model::entry::{Kind, UserEntry};
use crate::repo::{Lock, Slice, UserEvent};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, event, user, users};
use crate::time::Millis;

async fn tell(fresh: &Fresh, user: UserId, count: usize) {
    let mut unit = fresh.store.write(&[Lock::User(user)]).await.unwrap();
    for n in 1..=count {
        unit.tell(user, event(&n.to_string()), AT).await.unwrap();
    }
    commit(unit).await;
}

async fn read(fresh: &Fresh, user: UserId, slice: Slice<'_>, limit: u16) -> Vec<i64> {
    let entries = fresh.read().await.user_log().read(user, slice, limit).await.unwrap();
    entries.into_iter().map(|entry| entry.seq.0).collect()
}

fn parts(entry: &UserEntry) -> (UserId, Seq, Millis, Kind, String) {
    (entry.user, entry.seq, entry.at, entry.kind.clone(), entry.body.get().to_owned())
}

pub async fn an_entry_is_read_back_as_it_was_appended(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let bodies = [r#"{"text":"👩‍👩‍👧 أهلا 𝄞"}"#, r#"{ "a" : 1.0, "b":"\u0041\/" }"#, "null"];
    let mut unit = fresh.store.write(&[Lock::User(ann)]).await.unwrap();
    let mut appended = Vec::new();
    for body in bodies {
        let body = RawValue::from_string(body.into()).unwrap().into();
        let event = UserEvent { kind: Kind::named("some.thing_new".into()), body };
        appended.push(parts(&unit.user_log().append(ann, &event, Millis(7)).await.unwrap()));
    }
    commit(unit).await;
    let stored = fresh.read().await.user_log().read(ann, Slice::After(START), 9).await.unwrap();
    assert_eq!(stored.iter().map(parts).collect::<Vec<_>>(), appended);
    for (entry, body) in appended.iter().zip(bodies) {
        assert_eq!((entry.0, entry.2, entry.3.as_str(), entry.4.as_str()), (ann, Millis(7), "some.thing_new", body));
    }
}

pub async fn numbers_have_no_hole_though_16_write_at_once(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let told = at_once((0..16).map(|n| {
        let store = fresh.store.clone();
        async move {
            patiently(|| async {
                let mut unit = store.write(&[Lock::User(ann)]).await?;
                let first = unit.tell(ann, event(&format!("{n} one")), AT).await?;
                let second = unit.tell(ann, event(&format!("{n} two")), AT).await?;
                let _ = unit.commit().await?;
                Ok((first, second))
            })
            .await
            .unwrap()
        }
    }))
    .await;
    assert!(told.iter().all(|(first, second)| first.next() == *second), "{told:?}");
    let mut numbers: Vec<_> = told.iter().flat_map(|(first, second)| [first.0, second.0]).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, up_to(32));
    assert_eq!(read(fresh, ann, Slice::After(START), 99).await, up_to(32));
}

pub async fn each_account_has_numbers_of_its_own(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    tell(fresh, ids[0], 3).await;
    tell(fresh, ids[1], 2).await;
    tell(fresh, ids[0], 1).await;
    assert_eq!(read(fresh, ids[0], Slice::After(START), 9).await, up_to(4));
    assert_eq!(read(fresh, ids[1], Slice::After(START), 9).await, up_to(2));
}

pub async fn a_dropped_unit_takes_no_number(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    tell(fresh, ann, 2).await;
    let mut unit = fresh.store.write(&[Lock::User(ann)]).await.unwrap();
    assert_eq!(unit.tell(ann, event("lost"), AT).await.unwrap(), Seq(3));
    drop(unit);
    tell(fresh, ann, 1).await;
    assert_eq!(read(fresh, ann, Slice::After(START), 9).await, up_to(3));
}

pub async fn after_a_number_come_the_first_ones_above_it(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    tell(fresh, ann, 9).await;
    for (after, limit, expected) in
        [(0, 3, vec![1, 2, 3]), (3, 3, vec![4, 5, 6]), (7, 3, vec![8, 9]), (9, 3, vec![]), (99, 3, vec![])]
    {
        assert_eq!(read(fresh, ann, Slice::After(Seq(after)), limit).await, expected, "after {after}");
    }
}

pub async fn before_a_number_come_the_last_ones_below_it_upwards(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    tell(fresh, ann, 9).await;
    for (before, limit, expected) in
        [(99, 3, vec![7, 8, 9]), (7, 3, vec![4, 5, 6]), (3, 3, vec![1, 2]), (1, 3, vec![]), (0, 3, vec![])]
    {
        assert_eq!(read(fresh, ann, Slice::Before(Seq(before)), limit).await, expected, "before {before}");
    }
}

pub async fn only_the_numbers_asked_for_come_upwards(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    tell(fresh, ann, 9).await;
    let asked = [Seq(7), Seq(2), Seq(99), Seq(5), Seq(0)];
    assert_eq!(read(fresh, ann, Slice::Only(&asked), 9).await, [2, 5, 7]);
    assert_eq!(read(fresh, ann, Slice::Only(&asked), 2).await, [2, 5]);
    assert_eq!(read(fresh, ann, Slice::Only(&[]), 9).await, Vec::<i64>::new());
}

pub async fn heads_come_in_the_order_asked_and_are_zero_for_the_silent(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    tell(fresh, ids[0], 2).await;
    tell(fresh, ids[2], 5).await;
    let mut unit = fresh.read().await;
    let asked = [ids[2], UserId(1 << 40), ids[0], ids[1], ids[2]];
    let heads = unit.user_log().heads(&asked).await.unwrap();
    assert_eq!(heads, [Seq(5), START, Seq(2), START, Seq(5)]);
    for (user, head) in asked.into_iter().zip(heads) {
        assert_eq!(unit.user_log().head(user).await.unwrap(), head);
    }
    assert_eq!(unit.user_log().heads(&[]).await.unwrap(), []);
}

pub async fn heads_of_1000_are_answered_in_one_call(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 3).await;
    for (count, user) in (1..).zip(&ids) {
        tell(fresh, *user, count).await;
    }
    let asked: Vec<_> = (0..1_000_i64).map(|n| if n % 2 == 0 { ids[1] } else { UserId((1 << 40) + n) }).collect();
    let heads = fresh.read().await.user_log().heads(&asked).await.unwrap();
    let expected: Vec<_> = (0..1_000).map(|n| if n % 2 == 0 { Seq(2) } else { START }).collect();
    assert_eq!(heads, expected);
}

pub async fn a_cleared_log_is_empty_and_the_next_entry_is_the_first(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    for user in &ids {
        for _ in 0..3 {
            let mut unit = fresh.write().await;
            unit.user_log().append(*user, &event("1"), AT).await.unwrap();
            commit(unit).await;
        }
    }
    let mut unit = fresh.write().await;
    unit.user_log().clear(ids[0]).await.unwrap();
    commit(unit).await;
    assert_eq!(fresh.read().await.user_log().heads(&ids).await.unwrap(), [Seq(0), Seq(3)]);
    assert!(fresh.read().await.user_log().read(ids[0], Slice::After(Seq(0)), 9).await.unwrap().is_empty());
    let mut unit = fresh.write().await;
    assert_eq!(unit.user_log().append(ids[0], &event("1"), AT).await.unwrap().seq, Seq(1));
}
