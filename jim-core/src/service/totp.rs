//! The second factor: codes of an authenticator (RFC 6238), and recovery codes for who has lost it.

use super::own_password::OwnPassword;
use super::{Context, users};
use crate::error::{Code, Error, Result};
use crate::id::UserId;
use crate::model::code;
use crate::model::totp::TotpKey;
use crate::repo::{TotpRow, Unit};
use crate::secret::{Secret, TokenHash};

/// How many recovery codes come with a second factor.
const RECOVERY_CODES: usize = 10;

/// What goes into an authenticator.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The key in base32, to be typed.
    pub secret: Secret,
    /// The same as an `otpauth:` URI, to be shown as a picture.
    pub uri: Secret,
}

/// Second factors.
#[derive(Clone)]
pub struct Totp {
    context: Context,
    own: OwnPassword,
}

impl Totp {
    pub(super) fn new(context: Context, own: OwnPassword) -> Self {
        Totp { context, own }
    }

    /// Makes a key. Nothing asks for its codes before [`Totp::confirm`]; one that was not confirmed gives way.
    pub async fn begin(&self, who: UserId, password: &Secret) -> Result<Enrolment> {
        let shown = self.own.check(who, password).await?;
        let (mut unit, user) = self.own.unit(&shown).await?;
        if unit.totp().get(who).await?.is_some_and(|row| row.confirmed) {
            return Err(Code::TotpActive.into());
        }
        let key = TotpKey::new(self.context.random.bits());
        unit.totp().set(who, &key.text()).await?;
        self.context.logs.finish(unit).await?;
        Ok(Enrolment { secret: key.text(), uri: key.uri(&user.username) })
    }

    /// Switches the second factor on with a code that shows that an authenticator has the key. Returns the recovery
    /// codes, which are never shown again.
    pub async fn confirm(&self, who: UserId, typed: &str) -> Result<Vec<Secret>> {
        let mut unit = self.context.write(&[who]).await?;
        let row = unit.totp().get(who).await?.filter(|row| !row.confirmed).ok_or(Code::TotpCodeInvalid)?;
        let step =
            key(&row.key)?.step_of(code::read(typed).expose(), self.context.now()).ok_or(Code::TotpCodeInvalid)?;
        let codes: Vec<Secret> =
            (0..RECOVERY_CODES).map(|_| code::spell(self.context.random.bits(), code::LONGEST)).collect();
        let hashes: Vec<TokenHash> = codes.iter().map(TokenHash::of).collect();
        if !unit.totp().confirm(who, step, &hashes).await? {
            return Err(Code::TotpCodeInvalid.into());
        }
        users::tell_devices(&self.context, unit, who).await?;
        Ok(codes.iter().map(grouped).collect())
    }

    /// Switches the second factor off.
    pub async fn remove(&self, who: UserId, password: &Secret) -> Result<()> {
        let shown = self.own.check(who, password).await?;
        let (mut unit, _) = self.own.unit(&shown).await?;
        let on = unit.totp().get(who).await?.is_some_and(|row| row.confirmed);
        unit.totp().remove(who).await?;
        if on { users::tell_devices(&self.context, unit, who).await } else { self.context.logs.finish(unit).await }
    }
}

/// Whether what was typed can be a code of an authenticator, which are few enough to be guessed at.
pub(super) fn is_guessable(typed: &Secret) -> bool {
    code::read(typed.expose()).expose().len() < code::LONGEST
}

/// Holds a log-in whose password was right to the second factor, if it is on. A code is used up with the unit.
pub(super) async fn check(
    context: &Context,
    unit: &mut Unit,
    user: UserId,
    factor: &TotpRow,
    typed: Option<&Secret>,
) -> Result<()> {
    if !factor.confirmed {
        return Ok(());
    }
    let typed = code::read(typed.ok_or(Code::TotpRequired)?.expose());
    let right = match key(&factor.key)?.step_of(typed.expose(), context.now()) {
        Some(step) => unit.totp().take_step(user, step).await?,
        None => unit.totp().take_recovery(user, &TokenHash::of(&typed)).await?,
    };
    if right { Ok(()) } else { Err(Code::InvalidCredentials.into()) }
}

fn key(text: &Secret) -> Result<TotpKey> {
    TotpKey::parse(text.expose()).ok_or(Error::internal("a key of an authenticator cannot be read"))
}

/// As people read it: `ACDE-FGHJ-KMNP-QRTU`.
fn grouped(code: &Secret) -> Secret {
    let signs: Vec<char> = code.expose().chars().collect();
    Secret::new(signs.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-"))
}
