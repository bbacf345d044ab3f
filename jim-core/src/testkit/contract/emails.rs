use super::tools::{at_once, one_won, patiently};
use crate::id::UserId;
use crate::model::Email;
use crate::repo::{RepoError, Res};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, users};

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

async fn set(fresh: &Fresh, user: UserId, text: &str) -> Res<()> {
    let mut unit = fresh.write().await;
    let done = unit.emails().set(user, &email(text), AT).await;
    commit(unit).await;
    done
}

async fn of(fresh: &Fresh, user: UserId) -> Option<String> {
    fresh.read().await.emails().get(user).await.unwrap().map(|email| email.as_str().to_owned())
}

async fn owner(fresh: &Fresh, text: &str) -> Option<UserId> {
    fresh.read().await.emails().find_by_address(&email(text)).await.unwrap()
}

pub async fn an_address_is_read_back_as_it_was_written_and_found_in_any_case(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    assert_eq!((of(fresh, ids[0]).await, owner(fresh, "ann@example.org").await), (None, None));
    set(fresh, ids[0], "Ann@Example.org").await.unwrap();
    assert_eq!(of(fresh, ids[0]).await.as_deref(), Some("Ann@Example.org"));
    assert_eq!(owner(fresh, "aNN@example.ORG").await, Some(ids[0]));
    assert_eq!((of(fresh, ids[1]).await, owner(fresh, "anna@example.org").await), (None, None));
}

pub async fn an_account_has_one_address_and_an_address_one_account(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    set(fresh, ids[0], "ann@example.org").await.unwrap();
    set(fresh, ids[1], "ben@example.org").await.unwrap();
    assert!(matches!(set(fresh, ids[1], "ANN@example.org").await, Err(RepoError::Conflict)));
    assert_eq!(of(fresh, ids[1]).await.as_deref(), Some("ben@example.org"), "a conflict changes nothing");
    for next in ["Ann@example.org", "other@example.org", "other@example.org"] {
        set(fresh, ids[0], next).await.unwrap();
        assert_eq!(of(fresh, ids[0]).await.as_deref(), Some(next));
    }
    assert_eq!(owner(fresh, "ann@example.org").await, None, "the one before is free");
    set(fresh, ids[1], "ann@example.org").await.unwrap();
}

pub async fn an_address_that_was_taken_away_is_free(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    set(fresh, ids[0], "ann@example.org").await.unwrap();
    for removed in [true, false] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.emails().remove(ids[0]).await.unwrap(), removed);
        commit(unit).await;
    }
    assert_eq!((of(fresh, ids[0]).await, owner(fresh, "ann@example.org").await), (None, None));
    set(fresh, ids[1], "ann@example.org").await.unwrap();
}

pub async fn of_20_who_bind_one_address_at_once_exactly_one_does(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 20).await;
    let answers = at_once(ids.iter().map(|user| {
        let (store, user) = (fresh.store.clone(), *user);
        async move {
            patiently(|| async {
                let mut unit = store.write(&[crate::repo::Lock::User(user)]).await?;
                unit.emails().set(user, &email("ann@example.org"), AT).await?;
                let _ = unit.commit().await?;
                Ok(())
            })
            .await
        }
    }))
    .await;
    assert!(one_won(&answers), "{answers:?}");
    assert!(owner(fresh, "ann@example.org").await.is_some());
}
