//! Stored passwords follow the parameters of their time.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use jim_core::Jim;
use jim_core::error::Code;
use jim_core::id::UserId;
use jim_core::model::Source;
use jim_core::repo::{Lock, Store as _};
use jim_core::secret::Secret;
use jim_core::service::Proofs;
use jim_core::store::memory::{MemoryRoomLog, MemoryStore};
use jim_core::testkit::fixtures::{self, PASSWORD};

use crate::node::refusal;

/// The hash of a password as an earlier release may have made it.
fn weak(password: &str) -> String {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
    let hash: PasswordHash = argon2.hash_password_with_salt(password.as_bytes(), &[7; 16]).unwrap();
    hash.to_string()
}

async fn stored(store: &MemoryStore, user: UserId) -> String {
    store.read().await.unwrap().users().credentials(user).await.unwrap().unwrap().password_hash
}

#[tokio::test]
async fn of_many_who_log_in_at_once_each_gets_the_answer_to_his_own_password() {
    let store = Arc::new(MemoryStore::default());
    for n in 0..8 {
        fixtures::user(&*store, &format!("user-{n}")).await;
    }
    let jim = Jim::builder(store, Arc::new(MemoryRoomLog::default())).build().await.unwrap();
    let answers = fixtures::at_once((0..32).map(|n| {
        let jim = jim.clone();
        async move {
            let source = Source { ip: [192, 0, 2, n].into(), device: None };
            let password = Secret::new(if n % 4 == 0 { PASSWORD.to_owned() } else { format!("{PASSWORD} {n}") });
            jim.users().log_in(&format!("user-{}", n % 8), &password, Proofs::default(), &source).await
        }
    }));
    for (n, answer) in answers.await.into_iter().enumerate() {
        match answer {
            Ok((me, _)) => assert!(n % 4 == 0 && me.username == format!("user-{}", n % 8), "{n}"),
            wrong => assert!(n % 4 != 0 && refusal(&wrong) == Some(Code::InvalidCredentials), "{n}"),
        }
    }
}

#[tokio::test]
async fn a_hash_with_older_parameters_is_renewed_by_the_right_password_alone() {
    let store = Arc::new(MemoryStore::default());
    let ann = fixtures::user(&*store, "ann").await;
    let jim = Jim::builder(store.clone(), Arc::new(MemoryRoomLog::default())).build().await.unwrap();
    let source = Source { ip: [192, 0, 2, 1].into(), device: None };
    let log_in =
        async |password: &str| jim.users().log_in("ann", &Secret::new(password), Proofs::default(), &source).await;

    let old = weak(PASSWORD);
    let mut unit = store.write(&[Lock::User(ann)]).await.unwrap();
    unit.users().set_password(ann, &old).await.unwrap();
    let _ = unit.commit().await.unwrap();

    assert_eq!(refusal(&log_in("not the password").await), Some(Code::InvalidCredentials));
    assert_eq!(stored(&store, ann).await, old);
    log_in(PASSWORD).await.unwrap();
    let renewed = stored(&store, ann).await;
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
    log_in(PASSWORD).await.unwrap();
    assert_eq!(stored(&store, ann).await, renewed, "once is enough");
}
