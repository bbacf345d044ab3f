use super::tools::{at_once, patiently};
use crate::id::{MailId, UserId};
use crate::model::code::Purpose;
use crate::model::{Email, Language};
use crate::repo::{NewMail, WaitingMail};
use crate::testkit::Fresh;
use crate::testkit::fixtures::{AT, commit, user};
use crate::time::Millis;

/// So many milliseconds after the beginning.
fn at(after: i64) -> Millis {
    Millis(AT.0 + after)
}

fn recovery(address: &str) -> NewMail {
    let email = Email::parse(address).unwrap();
    NewMail { purpose: Purpose::Recovery, user: None, email, language: Language::Zh, at: AT }
}

fn binding(user: UserId, address: &str) -> NewMail {
    NewMail { purpose: Purpose::Email, user: Some(user), language: Language::En, ..recovery(address) }
}

async fn add_since(fresh: &Fresh, mail: &NewMail, since: Millis) -> MailId {
    let mut unit = fresh.write().await;
    let id = unit.mails().add(mail, since).await.unwrap();
    commit(unit).await;
    id
}

async fn add(fresh: &Fresh, mail: &NewMail) -> MailId {
    add_since(fresh, mail, AT).await
}

async fn due(fresh: &Fresh, now: Millis) -> Vec<WaitingMail> {
    fresh.read().await.mails().due(now, 100).await.unwrap()
}

async fn ids(fresh: &Fresh, now: Millis) -> Vec<MailId> {
    due(fresh, now).await.iter().map(|mail| mail.id).collect()
}

async fn begin(fresh: &Fresh, mail: &WaitingMail, now: Millis, until: Millis) -> bool {
    let mut unit = fresh.write().await;
    let begun = unit.mails().begin(mail, now, until).await.unwrap();
    commit(unit).await;
    begun
}

async fn put_off(fresh: &Fresh, mail: &WaitingMail, until: Millis) {
    let mut unit = fresh.write().await;
    unit.mails().put_off(mail, until).await.unwrap();
    commit(unit).await;
}

pub async fn a_mail_is_read_back_as_it_was_wanted(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    let wanted = [recovery("Ann@example.org"), binding(ann, "ann@example.org")];
    let first = add(fresh, &wanted[0]).await;
    let second = add(fresh, &wanted[1]).await;
    let waiting = |id, at: usize| WaitingMail { id, wanted: wanted[at].clone(), tries: 0 };
    assert_eq!(due(fresh, AT).await, [waiting(first, 0), waiting(second, 1)]);
    assert_eq!(due(fresh, at(-1)).await, []);
    assert_eq!(fresh.read().await.mails().due(AT, 1).await.unwrap().len(), 1);
}

pub async fn what_is_wanted_again_takes_the_place_of_what_was_not_begun_of_late(fresh: &Fresh) {
    let people = [user(&*fresh.store, "ann").await, user(&*fresh.store, "ben").await];
    let first = [
        add(fresh, &recovery("ann@example.org")).await,
        add(fresh, &recovery("ben@example.org")).await,
        add(fresh, &binding(people[0], "ann@example.org")).await,
        add(fresh, &binding(people[1], "ann@example.org")).await,
    ];
    let again =
        [add(fresh, &recovery("ANN@example.org")).await, add(fresh, &binding(people[0], "other@example.org")).await];
    assert_eq!(ids(fresh, AT).await, [first[1], first[3], again[0], again[1]]);
    for mail in due(fresh, AT).await {
        assert!(begin(fresh, &mail, at(10), at(20)).await);
    }
    let beside = add_since(fresh, &recovery("ben@example.org"), at(9)).await;
    assert_eq!(ids(fresh, at(20)).await, [beside, first[1], first[3], again[0], again[1]]);
    let instead = add_since(fresh, &recovery("ben@example.org"), at(10)).await;
    assert_eq!(ids(fresh, at(20)).await, [instead, first[3], again[0], again[1]]);
}

pub async fn a_mail_that_was_begun_waits_and_is_begun_again_by_who_saw_it_last(fresh: &Fresh) {
    add(fresh, &recovery("ann@example.org")).await;
    let seen = due(fresh, AT).await.remove(0);
    assert!(begin(fresh, &seen, AT, at(60)).await);
    assert_eq!(due(fresh, at(59)).await, []);
    assert!(!begin(fresh, &seen, at(60), at(90)).await, "somebody else was quicker");
    let again = due(fresh, at(60)).await.remove(0);
    assert_eq!(again.tries, 1);
    assert!(begin(fresh, &again, at(60), at(90)).await);
    put_off(fresh, &again, at(1000)).await;
    let third = due(fresh, at(90)).await.remove(0);
    assert_eq!(third.tries, 2, "who saw it earlier does not move the end of another's turn");
    put_off(fresh, &third, at(1000)).await;
    assert_eq!(due(fresh, at(999)).await, []);
    assert_eq!(due(fresh, at(1000)).await, [third]);
}

pub async fn it_is_known_when_the_others_to_an_address_were_begun(fresh: &Fresh) {
    let ann = user(&*fresh.store, "ann").await;
    add(fresh, &recovery("ann@example.org")).await;
    let other = add(fresh, &binding(ann, "ANN@example.org")).await;
    let stranger = add(fresh, &recovery("ben@example.org")).await;
    let first = due(fresh, AT).await.remove(0);
    assert!(begin(fresh, &first, at(7), at(60)).await);
    let mut unit = fresh.read().await;
    for (except, begun) in [(other, Some(at(7))), (stranger, Some(at(7))), (first.id, None)] {
        assert_eq!(unit.mails().begun_to(&first.wanted.email, except).await.unwrap(), begun);
    }
    assert_eq!(unit.mails().begun_to(&recovery("ben@example.org").email, other).await.unwrap(), None);
}

pub async fn a_mail_that_has_gone_out_is_due_no_more_and_is_forgotten_later(fresh: &Fresh) {
    let id = add(fresh, &recovery("ann@example.org")).await;
    let mail = due(fresh, AT).await.remove(0);
    assert!(begin(fresh, &mail, at(10), at(60)).await);
    let mut unit = fresh.write().await;
    unit.mails().set_done(id).await.unwrap();
    unit.mails().put_off(&WaitingMail { tries: 1, ..mail.clone() }, AT).await.unwrap();
    unit.mails().forget_done(at(9)).await.unwrap();
    commit(unit).await;
    assert_eq!(due(fresh, at(1_000_000)).await, []);
    assert!(!begin(fresh, &WaitingMail { tries: 1, ..mail.clone() }, at(20), at(80)).await);
    let beside = add_since(fresh, &recovery("ann@example.org"), at(10)).await;
    let begun = fresh.read().await.mails().begun_to(&mail.wanted.email, beside).await.unwrap();
    assert_eq!(begun, Some(at(10)), "what has gone out is no longer waited for, so nothing takes its place");
    let mut unit = fresh.write().await;
    unit.mails().forget_done(at(10)).await.unwrap();
    commit(unit).await;
    assert_eq!(fresh.read().await.mails().begun_to(&mail.wanted.email, beside).await.unwrap(), None);
    assert_eq!(ids(fresh, AT).await, [beside], "what waits is not forgotten");
}

pub async fn a_removed_mail_is_gone_once_and_its_id_is_not_used_again(fresh: &Fresh) {
    let id = add(fresh, &recovery("ann@example.org")).await;
    for removed in [true, false] {
        let mut unit = fresh.write().await;
        assert_eq!(unit.mails().remove(id).await.unwrap(), removed);
        commit(unit).await;
    }
    assert_eq!(due(fresh, AT).await, []);
    assert_ne!(add(fresh, &recovery("ann@example.org")).await, id);
}

pub async fn of_20_who_begin_a_mail_at_once_exactly_one_does(fresh: &Fresh) {
    add(fresh, &recovery("ann@example.org")).await;
    let mail = due(fresh, AT).await.remove(0);
    let begun = at_once((0..20).map(|_| {
        let (store, mail) = (fresh.store.clone(), mail.clone());
        async move {
            patiently(|| async {
                let mut unit = store.write(&[]).await?;
                let begun = unit.mails().begin(&mail, AT, at(60)).await?;
                let _ = unit.commit().await?;
                Ok(begun)
            })
            .await
            .unwrap()
        }
    }))
    .await;
    assert_eq!(begun.into_iter().filter(|begun| *begun).count(), 1);
}

pub async fn what_somebody_wanted_who_is_gone_is_forgotten(fresh: &Fresh) {
    let (gone, stays) = (UserId(7), UserId(8));
    for user in [gone, stays] {
        add(fresh, &binding(user, "ann@example.org")).await;
    }
    add(fresh, &recovery("ann@example.org")).await;
    let mut unit = fresh.write().await;
    unit.mails().forget(gone).await.unwrap();
    commit(unit).await;
    let left: Vec<_> = due(fresh, at(1000)).await.into_iter().map(|mail| mail.wanted.user).collect();
    assert_eq!(left, [Some(stays), None]);
}
