use super::tools::{at_once, one_won, patiently};
use crate::id::UserId;
use crate::model::presence::Standing;
use crate::model::user::{AccountRole, User, UserState};
use crate::model::{Limits, Nickname, Status};
use crate::repo::{Credentials, NewUser};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, PASSWORD_HASH, commit, new_user, user, user_called, users};

const NOBODY: UserId = UserId(1 << 40);

async fn search(fresh: &Fresh, prefix: &str, after: Option<UserId>, limit: u16) -> Vec<UserId> {
    let found = fresh.read().await.users().find_by_nickname(prefix, after, limit).await.unwrap();
    found.into_iter().map(|user| user.id).collect()
}

pub async fn an_account_is_read_back_as_it_was_added(fresh: &Fresh) {
    let nickname = Nickname::parse("Ann 😀 أهلا", &Limits::default()).unwrap();
    let new = NewUser { nickname, birth_date: Some("2000-02-29".into()), role: AccountRole::Admin, ..new_user("Ann") };
    let mut unit = fresh.write().await;
    let id = unit.users().add(&new).await.unwrap();
    commit(unit).await;
    let expected = User {
        id,
        username: "Ann".into(),
        nickname: "Ann 😀 أهلا".into(),
        birth_date: Some("2000-02-29".into()),
        status_text: None,
        standing: Standing::default(),
        role: AccountRole::Admin,
        state: UserState::Active,
        created_at: AT,
    };
    assert!(id > UserId::SYSTEM);
    let mut unit = fresh.read().await;
    assert_eq!(unit.users().get(id).await.unwrap().as_ref(), Some(&expected));
    let credentials = Credentials { state: UserState::Active, password_hash: PASSWORD_HASH.to_owned(), totp: None };
    assert_eq!(unit.users().credentials(id).await.unwrap(), Some(credentials));
    let found = unit.users().find_by_username("ann").await.unwrap();
    assert_eq!(found, Some((expected, PASSWORD_HASH.to_owned())));
}

pub async fn unknown_accounts_are_absent(fresh: &Fresh) {
    user(&*fresh.store, "ann").await;
    let mut unit = fresh.read().await;
    assert_eq!(unit.users().get(NOBODY).await.unwrap(), None);
    assert_eq!(unit.users().get(UserId::SYSTEM).await.unwrap(), None);
    assert_eq!(unit.users().credentials(NOBODY).await.unwrap(), None);
    for name in ["bob", "an", "anne", "", "Ann", "ann "] {
        assert_eq!(unit.users().find_by_username(name).await.unwrap(), None, "{name:?}");
    }
}

pub async fn of_20_who_take_one_folded_name_at_once_exactly_one_gets_it(fresh: &Fresh) {
    let spellings = ["ann", "Ann", "ANN", "ａｎｎ"];
    let answers = at_once((0..20).map(|n| {
        let store = fresh.store.clone();
        let new = new_user(spellings[n % spellings.len()]);
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let id = unit.users().add(&new).await?;
                let _ = unit.commit().await?;
                Ok(id)
            })
            .await
        }
    }))
    .await;
    assert!(one_won(&answers), "{answers:?}");
    let (found, _) = fresh.read().await.users().find_by_username("ann").await.unwrap().unwrap();
    assert!(answers.iter().flatten().any(|id| *id == found.id));
}

pub async fn names_that_fold_differently_stand_side_by_side(fresh: &Fresh) {
    let names = ["cafe", "café", "a_b", "axb", "strase", "straße", "ab-", "ab.", "ab_"];
    let mut ids = Vec::new();
    for name in names {
        ids.push(user(&*fresh.store, name).await);
    }
    let mut unit = fresh.read().await;
    for (name, id) in names.into_iter().zip(&ids) {
        let found = unit.users().find_by_username(new_user(name).username.key()).await.unwrap();
        assert_eq!(found.map(|(user, _)| user.id), Some(*id), "{name}");
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), names.len());
}

pub async fn a_list_holds_each_account_that_exists_once_by_id(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 5).await;
    let mut unit = fresh.read().await;
    let asked = [ids[4], NOBODY, ids[0], ids[2], ids[0]];
    let listed: Vec<_> = unit.users().list(&asked).await.unwrap().into_iter().map(|user| user.id).collect();
    assert_eq!(listed, [ids[0], ids[2], ids[4]]);
    assert_eq!(unit.users().list(&[]).await.unwrap(), []);
}

pub async fn a_list_of_1000_is_answered_in_one_call(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 600).await;
    let mut asked: Vec<_> = (0..400).map(|n| UserId(NOBODY.0 + n)).collect();
    asked.extend(ids.iter().rev());
    let listed = fresh.read().await.users().list(&asked).await.unwrap();
    assert_eq!(listed.into_iter().map(|user| user.id).collect::<Vec<_>>(), ids);
}

pub async fn a_nickname_is_found_by_the_beginning_of_its_folded_form(fresh: &Fresh) {
    let big = user_called(&*fresh.store, "first", "ANNA").await;
    let small = user_called(&*fresh.store, "second", "anne").await;
    let other = user_called(&*fresh.store, "third", "Joanna").await;
    let chinese = user_called(&*fresh.store, "fourth", "张三丰").await;
    assert_eq!(search(fresh, "ann", None, 9).await, [big, small]);
    assert_eq!(search(fresh, "anna", None, 9).await, [big]);
    assert_eq!(search(fresh, "annab", None, 9).await, []);
    assert_eq!(search(fresh, "张", None, 9).await, [chinese]);
    assert_eq!(search(fresh, "", None, 9).await, [big, small, other, chinese]);
}

pub async fn signs_of_patterns_stand_for_themselves_in_a_prefix(fresh: &Fresh) {
    let nicknames = ["a_b", "a%b", "a\\b", "axb", "a*b", "a?b", "a[x]b", "a'b", "á b"];
    for (n, nickname) in nicknames.into_iter().enumerate() {
        user_called(&*fresh.store, &format!("user-{n}"), nickname).await;
    }
    let mut unit = fresh.read().await;
    for prefix in ["a_", "a%", "a\\", "a*", "a?", "a[", "a'", "á"] {
        let found = unit.users().find_by_nickname(prefix, None, 99).await.unwrap();
        assert!(found.len() == 1 && found[0].nickname.starts_with(prefix), "{prefix} found {found:?}");
    }
    for prefix in ["%", "_", "\\", "*", "%b", "a_b_"] {
        assert_eq!(unit.users().find_by_nickname(prefix, None, 99).await.unwrap(), [], "{prefix}");
    }
}

pub async fn a_search_is_paged_by_id_and_never_longer_than_its_limit(fresh: &Fresh) {
    let ids = users(&*fresh.store, "ann", 7).await;
    assert_eq!(search(fresh, "ann", None, 3).await, ids[..3]);
    assert_eq!(search(fresh, "ann", Some(ids[2]), 3).await, ids[3..6]);
    assert_eq!(search(fresh, "ann", Some(ids[5]), 3).await, ids[6..]);
    assert_eq!(search(fresh, "ann", Some(ids[6]), 3).await, []);
}

pub async fn a_search_finds_active_accounts_only(fresh: &Fresh) {
    let ids = users(&*fresh.store, "ann", 3).await;
    let mut unit = fresh.write().await;
    unit.users().set_state(ids[1], UserState::Disabled).await.unwrap();
    commit(unit).await;
    assert_eq!(search(fresh, "ann", None, 2).await, [ids[0], ids[2]]);
}

pub async fn an_account_is_switched_off_and_on_and_stays_readable(fresh: &Fresh) {
    let id = user(&*fresh.store, "ann").await;
    for state in [UserState::Disabled, UserState::Active] {
        let mut unit = fresh.write().await;
        unit.users().set_state(id, state).await.unwrap();
        commit(unit).await;
        let mut unit = fresh.read().await;
        assert_eq!(unit.users().get(id).await.unwrap().unwrap().state, state);
        assert_eq!(unit.users().find_by_username("ann").await.unwrap().unwrap().0.state, state);
        assert_eq!(unit.users().list(&[id]).await.unwrap()[0].state, state);
    }
}

pub async fn set_profile_replaces_nickname_birth_date_and_status_text_and_nothing_else(fresh: &Fresh) {
    let id = user(&*fresh.store, "ann").await;
    let other = user(&*fresh.store, "bob").await;
    let before = fresh.read().await.users().get(id).await.unwrap().unwrap();
    let full = User {
        nickname: "Nina".into(),
        birth_date: Some("1999-12-31".into()),
        status_text: Some("busy 😀".into()),
        ..before.clone()
    };
    let cleared = User { birth_date: None, status_text: None, ..full.clone() };
    for wanted in [full, cleared] {
        let mut unit = fresh.write().await;
        let noise =
            User { username: "eve".into(), state: UserState::Disabled, created_at: crate::time::Millis(1), ..wanted };
        unit.users().set_profile(&noise).await.unwrap();
        commit(unit).await;
        let after = fresh.read().await.users().get(id).await.unwrap().unwrap();
        let expected = User { username: before.username.clone(), state: before.state, created_at: AT, ..noise };
        assert_eq!(after, expected);
    }
    assert_eq!(search(fresh, "nina", None, 9).await, [id]);
    assert_eq!(search(fresh, "ann", None, 9).await, []);
    assert_eq!(fresh.read().await.users().get(other).await.unwrap().unwrap().nickname, "bob");
}

pub async fn set_password_replaces_the_hash_of_one_account(fresh: &Fresh) {
    let ids = users(&*fresh.store, "ann", 2).await;
    let mut unit = fresh.write().await;
    unit.users().set_password(ids[0], "another hash").await.unwrap();
    commit(unit).await;
    let mut unit = fresh.read().await;
    assert_eq!(unit.users().credentials(ids[0]).await.unwrap().unwrap().password_hash, "another hash");
    assert_eq!(unit.users().find_by_username("ann-0").await.unwrap().unwrap().1, "another hash");
    assert_eq!(unit.users().credentials(ids[1]).await.unwrap().unwrap().password_hash, PASSWORD_HASH);
}

pub async fn accounts_of_any_state_are_searched_by_user_name_and_role(fresh: &Fresh) {
    let ids = users(&*fresh.store, "a_n", 4).await;
    let other = user(&*fresh.store, "axn").await;
    let mut unit = fresh.write().await;
    let root = unit.users().add(&NewUser { role: AccountRole::Admin, ..new_user("Root") }).await.unwrap();
    unit.users().set_state(ids[1], UserState::Disabled).await.unwrap();
    commit(unit).await;
    let mut unit = fresh.read().await;
    for (prefix, role, expected) in [
        ("a_n", None, &ids[..]),
        ("a_n-2", None, &ids[2..3]),
        ("ax", None, &[other]),
        ("root", Some(AccountRole::Admin), &[root]),
        ("", Some(AccountRole::Admin), &[root]),
        ("root", Some(AccountRole::User), &[]),
        ("%", None, &[]),
    ] {
        let found = unit.users().search(prefix, role, None, 9).await.unwrap();
        assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), expected, "{prefix} {role:?}");
    }
    assert_eq!(unit.users().search("", None, None, 99).await.unwrap().len(), 6);
    let page = unit.users().search("a_n", None, Some(ids[0]), 2).await.unwrap();
    assert_eq!(page.iter().map(|user| user.id).collect::<Vec<_>>(), ids[1..3]);
}

pub async fn a_forgotten_account_is_an_id_alone_and_stays_so(fresh: &Fresh) {
    let (id, other) = (user_called(&*fresh.store, "ann", "Annie").await, user(&*fresh.store, "bob").await);
    let mut unit = fresh.write().await;
    let before = unit.users().get(other).await.unwrap();
    unit.statuses().set_status(id, Status::Dnd).await.unwrap();
    unit.users().forget(id).await.unwrap();
    unit.statuses().forget(id).await.unwrap();
    unit.statuses().set_seen(&[id], AT).await.unwrap();
    unit.users().set_state(id, UserState::Active).await.unwrap();
    commit(unit).await;
    let mut unit = fresh.read().await;
    let left = unit.users().get(id).await.unwrap().unwrap();
    let expected = User {
        id,
        username: String::new(),
        nickname: String::new(),
        birth_date: None,
        status_text: None,
        standing: Standing::default(),
        state: UserState::Deleted,
        role: AccountRole::User,
        created_at: AT,
    };
    assert_eq!(left, expected);
    assert!(left.card(AT).deleted);
    let credentials = unit.users().credentials(id).await.unwrap().unwrap();
    assert_eq!((credentials.state, credentials.password_hash.as_str()), (UserState::Deleted, ""));
    assert_eq!(unit.users().find_by_username("ann").await.unwrap(), None);
    assert_eq!(unit.users().get(other).await.unwrap(), before);
    drop(unit);
    assert_eq!(search(fresh, "ann", None, 9).await, []);
    assert!(user(&*fresh.store, "ann").await > other, "the name is free, the id is not");
}
