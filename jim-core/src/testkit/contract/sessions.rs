use crate::id::{SessionId, UserId};
use crate::model::user::UserState;
use crate::repo::{SessionTokens, StoredSession};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, new_session, session, token_hash, tokens, user, users};
use crate::time::Millis;

const NOBODY: SessionId = SessionId(1 << 40);

async fn by_access(fresh: &Fresh, hash: &str) -> Option<SessionId> {
    let found = fresh.read().await.sessions().find_by_access(&token_hash(hash)).await.unwrap();
    found.map(|found| found.session.id)
}

async fn by_refresh(fresh: &Fresh, hash: &str) -> Option<SessionId> {
    let found = fresh.read().await.sessions().find_by_refresh(&token_hash(hash)).await.unwrap();
    found.map(|found| found.session.id)
}

async fn get(fresh: &Fresh, id: SessionId) -> StoredSession {
    fresh.read().await.sessions().get(id).await.unwrap().unwrap()
}

async fn listed(fresh: &Fresh, user: UserId, now: Millis) -> Vec<SessionId> {
    let listed = fresh.read().await.sessions().list(user, now).await.unwrap();
    listed.into_iter().map(|session| session.id).collect()
}

async fn end(fresh: &Fresh, id: SessionId, at: Millis) -> bool {
    let mut unit = fresh.write().await;
    let ended = unit.sessions().end(id, at).await.unwrap();
    commit(unit).await;
    ended
}

/// The pair that follows the first of the same name.
fn second(name: &str) -> SessionTokens {
    let first = tokens(name);
    SessionTokens {
        prev_access: Some((first.access, first.access_until)),
        old_refresh: Some(first.refresh),
        ..tokens(&format!("{name}-2"))
    }
}

pub async fn a_session_is_read_back_as_it_was_added(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let mut full = new_session(ann, "phone");
    full.tokens = SessionTokens { used: true, ..second("phone") };
    let mut bare = new_session(ann, "bare");
    bare.device = None;
    for new in [full, bare] {
        let mut unit = fresh.write().await;
        let id = unit.sessions().add(&new).await.unwrap();
        commit(unit).await;
        let stored = get(fresh, id).await;
        assert_eq!(stored.tokens, new.tokens);
        assert_eq!(stored.ended_at, None);
        let session = stored.session;
        assert_eq!((session.id, session.user, session.device, session.ip), (id, ann, new.device, new.ip));
        assert_eq!((session.created_at, session.seen_at), (AT, AT));
    }
}

pub async fn unknown_sessions_are_absent_and_changing_them_changes_nothing(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let phone = session(&*fresh.store, ann, "phone").await;
    let before = get(fresh, phone).await;
    let mut unit = fresh.write().await;
    assert_eq!(unit.sessions().get(NOBODY).await.unwrap(), None);
    assert!(!unit.sessions().end(NOBODY, AT).await.unwrap());
    unit.sessions().set_tokens(NOBODY, &tokens("other")).await.unwrap();
    unit.sessions().set_used(NOBODY).await.unwrap();
    unit.sessions().set_seen(&[(NOBODY, Millis(AT.0 + 1))]).await.unwrap();
    unit.sessions().set_seen(&[]).await.unwrap();
    commit(unit).await;
    assert_eq!(get(fresh, phone).await, before);
    assert_eq!(by_access(fresh, "access-other").await, None);
}

pub async fn a_session_is_found_by_its_access_token_and_the_one_before(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let phone = session(&*fresh.store, ann, "phone").await;
    let laptop = session(&*fresh.store, ann, "laptop").await;
    assert_eq!(by_access(fresh, "access-phone").await, Some(phone));
    assert_eq!(by_access(fresh, "access-laptop").await, Some(laptop));
    let mut unit = fresh.write().await;
    unit.sessions().set_tokens(phone, &second("phone")).await.unwrap();
    commit(unit).await;
    assert_eq!(by_access(fresh, "access-phone-2").await, Some(phone));
    assert_eq!(by_access(fresh, "access-phone").await, Some(phone));
    let mut unit = fresh.write().await;
    unit.sessions().set_tokens(phone, &SessionTokens { prev_access: None, ..second("phone") }).await.unwrap();
    commit(unit).await;
    assert_eq!(by_access(fresh, "access-phone").await, None);
    for other in ["refresh-phone-2", "ACCESS-PHONE-2", "access-phone-2 ", ""] {
        assert_eq!(by_access(fresh, other).await, None, "{other:?}");
    }
}

pub async fn a_session_is_found_by_its_refresh_token_and_the_one_that_bought_it(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let phone = session(&*fresh.store, ann, "phone").await;
    let laptop = session(&*fresh.store, ann, "laptop").await;
    assert_eq!(by_refresh(fresh, "refresh-phone").await, Some(phone));
    let mut unit = fresh.write().await;
    unit.sessions().set_tokens(phone, &second("phone")).await.unwrap();
    commit(unit).await;
    assert_eq!(by_refresh(fresh, "refresh-phone-2").await, Some(phone));
    assert_eq!(by_refresh(fresh, "refresh-phone").await, Some(phone));
    assert_eq!(by_refresh(fresh, "refresh-laptop").await, Some(laptop));
    let mut unit = fresh.write().await;
    let third = SessionTokens { old_refresh: Some(token_hash("refresh-phone-2")), ..tokens("phone-3") };
    unit.sessions().set_tokens(phone, &third).await.unwrap();
    commit(unit).await;
    assert_eq!(by_refresh(fresh, "refresh-phone").await, None);
    for other in ["access-phone-3", "REFRESH-PHONE-3", ""] {
        assert_eq!(by_refresh(fresh, other).await, None, "{other:?}");
    }
}

pub async fn an_ended_session_is_still_found(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let phone = session(&*fresh.store, ann, "phone").await;
    assert!(end(fresh, phone, AT).await);
    assert_eq!(by_access(fresh, "access-phone").await, Some(phone));
    assert_eq!(by_refresh(fresh, "refresh-phone").await, Some(phone));
    assert_eq!(get(fresh, phone).await.ended_at, Some(AT));
}

pub async fn a_session_is_found_by_its_token_together_with_the_state_of_its_owner(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let phone = session(&*fresh.store, ann, "phone").await;
    let owned = async || fresh.store.session_by_access(&token_hash("access-phone")).await.unwrap();
    assert_eq!(owned().await, Some((get(fresh, phone).await, Some(UserState::Active))));
    let mut unit = fresh.write().await;
    unit.users().set_state(ann, UserState::Disabled).await.unwrap();
    commit(unit).await;
    assert!(end(fresh, phone, AT).await);
    assert_eq!(owned().await, Some((get(fresh, phone).await, Some(UserState::Disabled))));
    assert_eq!(fresh.store.session_by_access(&token_hash("access-nobody")).await.unwrap(), None);
}

pub async fn set_tokens_replaces_all_tokens_of_one_session(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let phone = session(&*fresh.store, ann, "phone").await;
    let laptop = session(&*fresh.store, ann, "laptop").await;
    let mut unit = fresh.write().await;
    unit.sessions().set_used(phone).await.unwrap();
    unit.sessions().set_tokens(phone, &second("phone")).await.unwrap();
    commit(unit).await;
    assert_eq!(get(fresh, phone).await.tokens, second("phone"));
    assert_eq!(get(fresh, laptop).await.tokens, tokens("laptop"));
}

pub async fn set_used_is_remembered_of_one_session(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let phone = session(&*fresh.store, ann, "phone").await;
    let laptop = session(&*fresh.store, ann, "laptop").await;
    let mut unit = fresh.write().await;
    unit.sessions().set_used(phone).await.unwrap();
    unit.sessions().set_used(phone).await.unwrap();
    commit(unit).await;
    assert_eq!(get(fresh, phone).await.tokens, SessionTokens { used: true, ..tokens("phone") });
    assert!(!get(fresh, laptop).await.tokens.used);
}

pub async fn set_seen_is_remembered_of_many_sessions(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let phone = session(&*fresh.store, ann, "phone").await;
    let laptop = session(&*fresh.store, ann, "laptop").await;
    let tablet = session(&*fresh.store, ann, "tablet").await;
    let (sooner, later) = (Millis(AT.0 + 60_000), Millis(AT.0 + 120_000));
    let mut unit = fresh.write().await;
    unit.sessions().set_seen(&[(phone, later), (NOBODY, later), (laptop, sooner)]).await.unwrap();
    commit(unit).await;
    for (id, seen_at) in [(phone, later), (laptop, sooner), (tablet, AT)] {
        let session = get(fresh, id).await.session;
        assert_eq!((session.seen_at, session.created_at), (seen_at, AT));
    }
}

pub async fn a_list_holds_the_living_of_one_person_newest_first(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let bob = user(&*fresh.store, "bob").await;
    let phone = session(&*fresh.store, ann, "phone").await;
    let ended = session(&*fresh.store, ann, "ended").await;
    session(&*fresh.store, bob, "bobs").await;
    let laptop = session(&*fresh.store, ann, "laptop").await;
    let mut short = new_session(ann, "short");
    short.tokens.refresh_until = Millis(AT.0 + 10);
    let mut unit = fresh.write().await;
    let short = unit.sessions().add(&short).await.unwrap();
    commit(unit).await;
    assert!(end(fresh, ended, AT).await);
    assert_eq!(listed(fresh, ann, AT).await, [short, laptop, phone]);
    assert_eq!(listed(fresh, ann, Millis(AT.0 + 20)).await, [laptop, phone]);
    let session = get(fresh, phone).await.session;
    assert_eq!(fresh.read().await.sessions().list(ann, AT).await.unwrap().pop(), Some(session));
}

pub async fn a_session_ends_once_and_keeps_the_time_of_its_end(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let phone = session(&*fresh.store, ann, "phone").await;
    let laptop = session(&*fresh.store, ann, "laptop").await;
    assert!(end(fresh, phone, AT).await);
    assert!(!end(fresh, phone, Millis(AT.0 + 5)).await);
    assert_eq!(get(fresh, phone).await.ended_at, Some(AT));
    assert_eq!(get(fresh, laptop).await.ended_at, None);
}

pub async fn ended_since_names_those_that_ended_at_or_after_a_time(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(session(&*fresh.store, ann, &format!("device-{n}")).await);
    }
    for (id, at) in ids.iter().zip([100, 200, 300]) {
        assert!(end(fresh, *id, Millis(at)).await);
    }
    for (since, expected) in [(0, &ids[..3]), (200, &ids[1..3]), (201, &ids[2..3]), (301, &[])] {
        let mut ended = fresh.read().await.sessions().ended_since(Millis(since)).await.unwrap();
        ended.sort_unstable();
        assert_eq!(ended, expected, "since {since}");
    }
}

pub async fn a_later_session_has_a_new_id_though_the_one_before_ended(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let first = session(&*fresh.store, ann, "first").await;
    assert!(end(fresh, first, AT).await);
    assert!(session(&*fresh.store, ann, "second").await > first);
}

pub async fn forget_takes_addresses_and_devices_from_all_sessions_of_one_person(fresh: &Fresh) {
    let ids = users(&*fresh.store, "user", 2).await;
    let mut sessions = Vec::new();
    for (n, user) in [ids[0], ids[0], ids[1]].into_iter().enumerate() {
        sessions.push(session(&*fresh.store, user, &format!("device-{n}")).await);
    }
    let mut unit = fresh.write().await;
    unit.sessions().end(sessions[0], AT).await.unwrap();
    unit.sessions().forget(ids[0]).await.unwrap();
    commit(unit).await;
    for (n, id) in sessions.into_iter().enumerate() {
        let stored = get(fresh, id).await;
        let known = n == 2;
        assert_eq!((stored.session.device.is_some(), !stored.session.ip.is_empty()), (known, known), "{n}");
        assert_eq!(stored.ended_at.is_some(), n == 0);
    }
}
