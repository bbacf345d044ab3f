//! What stands at the door: captchas, failed log-ins, and the host's own users.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jim_core::captcha::{CaptchaProvider as _, ProofOfWork};
use jim_core::error::{Code, Error, Result};
use jim_core::model::session::Source;
use jim_core::model::{Limits, Me, Password, Registration, Username};
use jim_core::repo::{CounterRepo, Noted, Rate, RepoError, Res, Store as _, Taken};
use jim_core::secret::Secret;
use jim_core::service::{Authenticator, Captcha, CaptchaAnswer, ExternalUser, OpenSession, Options, Proofs, Register};
use jim_core::store::local::LocalCounters;
use jim_core::store::memory::{MemoryRoomLog, MemoryStore};
use jim_core::testkit::ManualClock;
use jim_core::testkit::fixtures::AT;
use jim_core::time::Millis;
use jim_core::{Jim, JimBuilder};
use tokio::task::JoinSet;

const PASSWORD: &str = "a fine long password";

fn from(last: u8) -> Source {
    Source { ip: [192, 0, 2, last].into(), device: None }
}

fn builder(store: &Arc<MemoryStore>) -> JimBuilder {
    Jim::builder(store.clone(), Arc::new(MemoryRoomLog::default())).captchas(vec![Arc::new(EASY)])
}

const EASY: ProofOfWork = ProofOfWork { zero_bits: 4 };

fn solve(captcha: &Captcha) -> CaptchaAnswer {
    let nonce = &captcha.challenge.as_ref().unwrap().nonce;
    let answer = (0..=u32::MAX).map(|n| n.to_string()).find(|answer| EASY.fold(nonce, answer).is_some()).unwrap();
    CaptchaAnswer { id: captcha.id.clone(), answer }
}

async fn register(jim: &Jim, name: &str, captcha: Option<&CaptchaAnswer>) -> Result<(Me, OpenSession)> {
    let limits = Limits::default();
    let username = Username::parse(name, &limits).unwrap();
    let password = Password::parse(&Secret::new(PASSWORD), Some(&username), &limits).unwrap();
    let wish = Register { username, password, nickname: None, birth_date: None };
    jim.users().register(wish, captcha, &from(1)).await
}

fn refusal<T>(answer: Result<T>) -> Option<Code> {
    answer.err().map(|error| error.code())
}

#[tokio::test]
async fn a_captcha_can_be_answered_for_three_minutes_and_is_forgotten_after_them() {
    let store = Arc::new(MemoryStore::default());
    let clock = Arc::new(ManualClock::new(AT));
    let options = Options { registration_captcha: true, ..Options::default() };
    let jim = builder(&store).clock(clock.clone()).options(options).build().await.unwrap();
    let (early, late) = (jim.captchas().make(None).await.unwrap(), jim.captchas().make(None).await.unwrap());
    assert_eq!((early.until, early.kind), (AT.plus(Duration::from_mins(3)), "proof_of_work"));
    assert_eq!(refusal(register(&jim, "ann", None).await), Some(Code::CaptchaAbsent));
    clock.set(Millis(early.until.0 - 1));
    register(&jim, "ann", Some(&solve(&early))).await.unwrap();
    clock.set(late.until);
    assert_eq!(refusal(register(&jim, "ben", Some(&solve(&late))).await), Some(Code::CaptchaInvalid));
    // A clock that is set back does not bring an answered one to life.
    clock.set(AT);
    assert_eq!(refusal(register(&jim, "ben", Some(&solve(&early))).await), Some(Code::CaptchaInvalid));
    register(&jim, "ben", Some(&solve(&late))).await.unwrap();
}

#[tokio::test]
async fn who_only_asks_for_captchas_or_invents_them_makes_the_store_do_nothing() {
    let store = Arc::new(MemoryStore::default());
    let options = Options { registration_captcha: true, ..Options::default() };
    let jim = builder(&store).options(options.clone()).build().await.unwrap();
    let other = builder(&Arc::new(MemoryStore::default())).options(options).build().await.unwrap();
    // A writer that holds the turn: whoever wants to write now waits for ever.
    let turn = store.write(&[]).await.unwrap();
    let foreign = solve(&other.captchas().make(None).await.unwrap());
    let asked = async {
        jim.captchas().make(None).await.unwrap();
        for id in [&*foreign.id, "", "AAAA", &"A".repeat(100_000)] {
            let answer = CaptchaAnswer { id: id.to_owned(), answer: foreign.answer.clone() };
            assert_eq!(refusal(register(&jim, "ann", Some(&answer)).await), Some(Code::CaptchaInvalid));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), asked).await.expect("nothing is written");
    drop(turn);
}

/// Counters that may be out of reach.
#[derive(Default)]
struct Flaky {
    counters: LocalCounters,
    away: AtomicBool,
}

impl Flaky {
    fn there(&self) -> Res<&LocalCounters> {
        let away = self.away.load(Ordering::Relaxed);
        if away { Err(RepoError::Unavailable("away".into())) } else { Ok(&self.counters) }
    }
}

#[async_trait]
impl CounterRepo for Flaky {
    async fn take(&self, key: &str, rate: Rate) -> Res<Taken> {
        self.there()?.take(key, rate).await
    }

    async fn note(&self, key: &str, lasting: Duration) -> Res<Noted> {
        self.there()?.note(key, lasting).await
    }

    async fn noted(&self, key: &str) -> Res<Noted> {
        self.there()?.noted(key).await
    }

    async fn take_back(&self, key: &str, before: Noted) -> Res<()> {
        self.there()?.take_back(key, before).await
    }

    async fn forget(&self, key: &str) -> Res<()> {
        self.there()?.forget(key).await
    }
}

async fn log_in(jim: &Jim, password: &str, captcha: Option<&CaptchaAnswer>, last: u8) -> Result<(Me, OpenSession)> {
    jim.users().log_in("Ann", &Secret::new(password), Proofs { captcha, totp: None }, &from(last)).await
}

#[tokio::test]
async fn counters_out_of_reach_hinder_nobody_and_each_node_counts_by_itself() {
    let store = Arc::new(MemoryStore::default());
    let counters = Arc::new(Flaky::default());
    let jim = builder(&store).counters(counters.clone()).build().await.unwrap();
    register(&jim, "ann", None).await.unwrap();
    for _ in 0..3 {
        assert_eq!(refusal(log_in(&jim, "wrong", None, 2).await), Some(Code::InvalidCredentials));
    }
    assert_eq!(refusal(log_in(&jim, PASSWORD, None, 2).await), Some(Code::CaptchaRequired));
    counters.away.store(true, Ordering::Relaxed);
    log_in(&jim, PASSWORD, None, 2).await.unwrap();
    for _ in 0..3 {
        assert_eq!(refusal(log_in(&jim, "wrong", None, 2).await), Some(Code::InvalidCredentials));
    }
    assert_eq!(refusal(log_in(&jim, PASSWORD, None, 2).await), Some(Code::CaptchaRequired));
}

#[tokio::test]
async fn a_source_that_fails_with_many_accounts_needs_a_captcha_for_any_and_is_never_locked() {
    let store = Arc::new(MemoryStore::default());
    let options = Options { captcha_after: 1, lock_after: 100, ..Options::default() };
    let jim = builder(&store).options(options).build().await.unwrap();
    register(&jim, "ann", None).await.unwrap();
    let mut tries = JoinSet::new();
    for n in 0..40 {
        let jim = jim.clone();
        let name = format!("user-{n}");
        tries.spawn(async move {
            jim.users().log_in(&name, &Secret::new("wrong"), Proofs::default(), &from(2)).await.err()
        });
    }
    let refused: Vec<Code> = tries.join_all().await.into_iter().map(|error| error.unwrap().code()).collect();
    let looked_at = refused.iter().filter(|code| **code == Code::InvalidCredentials).count();
    assert_eq!((looked_at, refused.len()), (10, 40), "{refused:?}");
    assert_eq!(refusal(log_in(&jim, PASSWORD, None, 2).await), Some(Code::CaptchaRequired));
    log_in(&jim, PASSWORD, None, 3).await.unwrap();
    for _ in 0..3 {
        let captcha = solve(&jim.captchas().make(None).await.unwrap());
        log_in(&jim, PASSWORD, Some(&captcha), 2).await.unwrap();
        assert_eq!(refusal(log_in(&jim, PASSWORD, Some(&captcha), 2).await), Some(Code::CaptchaInvalid));
    }
}

#[tokio::test]
async fn a_lock_tells_how_long_it_lasts_and_only_wrong_passwords_count() {
    let jim = builder(&Arc::new(MemoryStore::default())).build().await.unwrap();
    register(&jim, "ann", None).await.unwrap();
    for _ in 0..10 {
        log_in(&jim, PASSWORD, None, 2).await.unwrap();
    }
    for n in 0..5 {
        let captcha = match n {
            3.. => Some(solve(&jim.captchas().make(None).await.unwrap())),
            _ => None,
        };
        let refused = log_in(&jim, "wrong", captcha.as_ref(), 2).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidCredentials, "{n}");
        assert_eq!(matches!(refused, Error::CaptchaNext(_)), n >= 2, "{n}: {refused:?}");
        // Who does not answer a captcha has tried no password.
        if n >= 2 {
            assert!(log_in(&jim, PASSWORD, None, 2).await.is_err());
        }
    }
    match log_in(&jim, PASSWORD, None, 2).await {
        Err(Error::Limited { code: Code::Locked, retry_after }) => {
            assert!((290..=300).contains(&retry_after.as_secs()), "{retry_after:?}");
        }
        other => panic!("not locked: {other:?}"),
    }
    log_in(&jim, PASSWORD, None, 3).await.unwrap();
}

// The page `docs/src/users.md` shows these lines.
struct Mine;

#[async_trait]
impl Authenticator for Mine {
    async fn authenticate(&self, token: &str, _now: Millis) -> Result<Option<ExternalUser>> {
        let known = token.strip_prefix("signed-by-mine-");
        Ok(known.map(|id| ExternalUser { id: id.to_owned(), name: Some("Ann".to_owned()) }))
    }
}

#[test]
fn the_page_of_own_users_shows_the_host_that_is_tested() {
    let page = include_str!("../../../docs/src/users.md");
    let shown = page.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(include_str!("doors.rs").contains(shown), "{shown}");
}

#[tokio::test]
async fn a_user_of_the_host_gets_one_account_however_many_times_at_once_he_comes() {
    let store = Arc::new(MemoryStore::default());
    let options = Options { registration: Registration::Closed, registration_captcha: true, ..Options::default() };
    let jim = builder(&store).options(options).authenticator(Arc::new(Mine)).build().await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let jim = jim.clone();
        calls.spawn(async move { jim.externals().log_in("signed-by-mine-7", &from(1)).await.unwrap().0 });
    }
    let people = calls.join_all().await;
    assert!(people.iter().all(|me| *me == people[0]), "{people:?}");
    assert_eq!(people[0].nickname, "Ann");
    let (other, session) = jim.externals().log_in("signed-by-mine-8", &from(1)).await.unwrap();
    assert_ne!(other.id, people[0].id);
    assert_eq!(jim.sessions().authenticate(session.access.expose()).await.unwrap().user, other.id);
    for token in ["", "signed-by-mine-", "signed-by-others-7", "signed-by-mine-\n"] {
        assert_eq!(refusal(jim.externals().log_in(token, &from(1)).await), Some(Code::TokenInvalid), "{token:?}");
    }
    let long = format!("signed-by-mine-{}", "x".repeat(256));
    assert_eq!(refusal(jim.externals().log_in(&long, &from(1)).await), Some(Code::TokenInvalid));
    // No password opens such an account.
    for password in ["", "nobody", " "] {
        let tried = jim.users().log_in(&people[0].username, &Secret::new(password), Proofs::default(), &from(2)).await;
        assert_eq!(refusal(tried), Some(Code::InvalidCredentials), "{password:?}");
    }
    let alone = builder(&store).build().await.unwrap();
    assert_eq!(refusal(alone.externals().log_in("signed-by-mine-7", &from(1)).await), Some(Code::NotFound));
}
