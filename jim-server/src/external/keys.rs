//! The host's keys: a secret, or public keys in a file.

use std::fs;
use std::path::Path;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

use crate::config::{Auth, BadConfig};

/// A key and the one algorithm it is for.
pub(super) struct HostKey {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
    /// Its name, if it has one.
    id: Option<String>,
}

impl HostKey {
    /// Whether a token of this algorithm, that may name its key, can be signed by this one.
    pub(super) fn fits(&self, algorithm: Algorithm, id: Option<&str>) -> bool {
        let other = self.id.as_deref().zip(id).is_some_and(|(own, id)| own != id);
        self.algorithm == algorithm && !other
    }
}

pub(super) fn of(auth: &Auth) -> Result<Vec<HostKey>, BadConfig> {
    let mut keys = Vec::new();
    let secret = auth.external_secret.expose();
    if !secret.is_empty() {
        let key = DecodingKey::from_secret(secret.as_bytes());
        keys.push(HostKey { algorithm: Algorithm::HS256, key, id: None });
    }
    if !auth.external_key.as_os_str().is_empty() {
        keys.extend(in_file(&auth.external_key).map_err(|reason| BadConfig::at("auth.external_key", reason))?);
    }
    Ok(keys)
}

fn in_file(file: &Path) -> Result<Vec<HostKey>, String> {
    const WANTED: &str = "the file holds no public key for RS256 or EdDSA, neither in PEM nor as a JWK set";
    let text = fs::read_to_string(file).map_err(|error| format!("the file cannot be read: {error}"))?;
    let keys = match serde_json::from_str::<JwkSet>(&text) {
        Ok(set) => set.keys.iter().filter_map(in_set).collect(),
        Err(_) => in_pem(&text).into_iter().collect::<Vec<_>>(),
    };
    if keys.is_empty() { Err(WANTED.to_owned()) } else { Ok(keys) }
}

fn in_pem(text: &str) -> Option<HostKey> {
    // A private key has nothing to do here.
    if text.contains("PRIVATE") {
        return None;
    }
    let (algorithm, key) = match DecodingKey::from_ed_pem(text.as_bytes()) {
        Ok(key) => (Algorithm::EdDSA, key),
        Err(_) => (Algorithm::RS256, DecodingKey::from_rsa_pem(text.as_bytes()).ok()?),
    };
    Some(HostKey { algorithm, key, id: None })
}

/// A key of a set, unless it is for something else.
fn in_set(jwk: &Jwk) -> Option<HostKey> {
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    let signs = jwk.common.public_key_use.as_ref().is_none_or(|its| *its == PublicKeyUse::Signature);
    let fits = jwk.common.key_algorithm.is_none_or(|its| its == named);
    let key = DecodingKey::from_jwk(jwk).ok().filter(|_| signs && fits)?;
    Some(HostKey { algorithm, key, id: jwk.common.key_id.clone() })
}
