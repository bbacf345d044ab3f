//! Users of the host: tokens (RFC 7519) by which it says who somebody is, checked with its keys.

mod keys;
mod signatures;

use async_trait::async_trait;
use jim_core::Result;
use jim_core::service::{Authenticator, ExternalUser};
use jim_core::time::Millis;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;

use self::keys::HostKey;
use crate::config::{Auth, BadConfig};

/// Whom tokens must be for.
const AUDIENCE: &str = "jim";
/// By how many seconds the host's clock may be ahead of ours.
const AHEAD: i64 = 60;

/// What a token says.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    nbf: Option<i64>,
    name: Option<String>,
}

/// Tokens that the host signs.
pub struct HostTokens {
    keys: Vec<HostKey>,
}

impl HostTokens {
    /// By the keys of a configuration; `None` if there are none.
    pub fn of(auth: &Auth) -> Result<Option<Self>, BadConfig> {
        let keys = keys::of(auth)?;
        signatures::install();
        Ok(Some(HostTokens { keys }).filter(|tokens| !tokens.keys.is_empty()))
    }

    /// What a token says that one of the keys has signed. A key takes its own algorithm and no other, so that a public
    /// key is never the secret of an HMAC.
    fn read(&self, token: &str, now: Millis) -> Option<Claims> {
        let header = decode_header(token).ok().filter(|header| header.crit.is_none())?;
        let mut keys = self.keys.iter().filter(|key| key.fits(header.alg, header.kid.as_deref()));
        let claims = keys.find_map(|key| decode::<Claims>(token, &key.key, &rules(key.algorithm)).ok())?.claims;
        let seconds = now.0.div_euclid(1000);
        let begins = claims.nbf.unwrap_or(seconds);
        (claims.exp > seconds && begins <= seconds.saturating_add(AHEAD)).then_some(claims)
    }
}

fn rules(algorithm: Algorithm) -> Validation {
    let mut rules = Validation::new(algorithm);
    rules.set_required_spec_claims(&["sub", "exp", "aud"]);
    rules.set_audience(&[AUDIENCE]);
    // By our own clock, above.
    rules.validate_exp = false;
    rules
}

#[async_trait]
impl Authenticator for HostTokens {
    async fn authenticate(&self, token: &str, now: Millis) -> Result<Option<ExternalUser>> {
        Ok(self.read(token, now).map(|claims| ExternalUser { id: claims.sub, name: claims.name }))
    }
}
