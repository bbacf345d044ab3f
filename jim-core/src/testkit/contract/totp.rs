use super::tools::{at_once, patiently};
use crate::id::UserId;
use crate::repo::TotpRow;
use crate::secret::Secret;
use crate::testkit::Fresh;
use crate::testkit::fixtures::{commit, token_hash, users};

async fn set(fresh: &Fresh, user: UserId, key: &str) {
    let mut unit = fresh.write().await;
    unit.totp().set(user, &Secret::new(key)).await.unwrap();
    commit(unit).await;
}

async fn confirm(fresh: &Fresh, user: UserId, step: i64) -> bool {
    let mut unit = fresh.write().await;
    let done = unit.totp().confirm(user, step, &[token_hash("one"), token_hash("two")]).await.unwrap();
    commit(unit).await;
    done
}

/// As a log-in reads it, and as it is read alone.
async fn of(fresh: &Fresh, user: UserId) -> Option<TotpRow> {
    let mut unit = fresh.read().await;
    let row = unit.totp().get(user).await.unwrap();
    assert_eq!(unit.users().credentials(user).await.unwrap().unwrap().totp, row);
    row
}

async fn take_step(fresh: &Fresh, user: UserId, step: i64) -> bool {
    let mut unit = fresh.write().await;
    let taken = unit.totp().take_step(user, step).await.unwrap();
    commit(unit).await;
    taken
}

async fn take_recovery(fresh: &Fresh, user: UserId, name: &str) -> bool {
    let mut unit = fresh.write().await;
    let taken = unit.totp().take_recovery(user, &token_hash(name)).await.unwrap();
    commit(unit).await;
    taken
}

pub async fn a_key_is_one_persons_and_is_confirmed_once(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    assert!(!confirm(fresh, ids[0], 5).await);
    set(fresh, ids[0], "KEY").await;
    let row = TotpRow { key: Secret::new("KEY"), confirmed: false, last_step: 0 };
    assert_eq!((of(fresh, ids[0]).await, of(fresh, ids[1]).await), (Some(row.clone()), None));
    assert!(confirm(fresh, ids[0], 5).await);
    assert!(!confirm(fresh, ids[0], 6).await);
    assert_eq!(of(fresh, ids[0]).await, Some(TotpRow { confirmed: true, last_step: 5, ..row }));
}

pub async fn steps_only_grow_and_only_of_a_key_that_is_confirmed(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    set(fresh, ids[0], "KEY").await;
    assert!(!take_step(fresh, ids[0], 9).await, "it is not confirmed");
    confirm(fresh, ids[0], 5).await;
    for (step, taken) in [(5, false), (4, false), (6, true), (6, false), (8, true), (7, false)] {
        assert_eq!(take_step(fresh, ids[0], step).await, taken, "{step}");
    }
    assert!(!take_step(fresh, ids[1], 9).await);
}

pub async fn a_recovery_code_is_good_once_for_one_person(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    for user in &ids {
        set(fresh, *user, "KEY").await;
        assert!(confirm(fresh, *user, 5).await);
    }
    for (user, name, taken) in [
        (ids[0], "three", false),
        (ids[0], "ONE", false),
        (ids[0], "one", true),
        (ids[0], "one", false),
        (ids[1], "one", true),
        (ids[0], "two", true),
    ] {
        assert_eq!(take_recovery(fresh, user, name).await, taken, "{name}");
    }
}

pub async fn a_new_key_and_none_end_the_recovery_codes(fresh: &Fresh) {
    let ann = users(&*fresh.store, "user", 1).await[0];
    set(fresh, ann, "KEY").await;
    confirm(fresh, ann, 5).await;
    set(fresh, ann, "OTHER").await;
    assert_eq!(of(fresh, ann).await, Some(TotpRow { key: Secret::new("OTHER"), confirmed: false, last_step: 0 }));
    assert!(!take_recovery(fresh, ann, "one").await);
    assert!(confirm(fresh, ann, 5).await);
    for removed in [true, false] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.totp().remove(ann).await.unwrap(), removed);
        commit(unit).await;
    }
    assert_eq!(of(fresh, ann).await, None);
    assert!(!take_recovery(fresh, ann, "two").await);
}

pub async fn of_20_who_use_one_step_or_one_recovery_code_at_once_exactly_one_does(fresh: &Fresh) {
    let ann = users(&*fresh.store, "user", 1).await[0];
    set(fresh, ann, "KEY").await;
    confirm(fresh, ann, 5).await;
    let taken = at_once((0..40).map(|n| {
        let store = fresh.store.clone();
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let taken = match n % 2 {
                    0 => unit.totp().take_step(ann, 6).await?,
                    _ => unit.totp().take_recovery(ann, &token_hash("one")).await?,
                };
                let _ = unit.commit().await?;
                Ok(taken)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    let won = |odd: usize| taken.iter().skip(odd).step_by(2).filter(|taken| **taken).count();
    assert_eq!((won(0), won(1)), (1, 1));
}
