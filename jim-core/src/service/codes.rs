//! Codes that are sent by mail: good once, for a while, for a few guesses, and only as long as none follows them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Context;
use crate::error::Result;
use crate::id::UserId;
use crate::model::Email;
use crate::model::code::{self, Purpose};
use crate::repo::{CodeRow, Unit};
use crate::secret::{Secret, TokenHash};

/// How many guesses a code bears.
const TRIES: u16 = 5;
/// How many signs a code has: of 25 signs there are 150 thousand million such.
const SIGNS: usize = 8;

/// Of whom a code shows that an address is his.
pub(super) fn of_user(user: UserId) -> String {
    user.to_string()
}

/// Whose password a code stands for. Also for an address that is nobody's, as its answers must be those of any other:
/// such an address is not kept in words.
pub(super) fn of_address(context: &Context, email: &Email) -> String {
    URL_SAFE_NO_PAD.encode(context.key.sign(&["address", email.key()]))
}

/// Makes the code that is good from now on, in place of the one before.
pub(super) async fn make(
    context: &Context,
    unit: &mut Unit,
    purpose: Purpose,
    subject: String,
    email: Option<Email>,
) -> Result<Secret> {
    let code = code::spell(context.random.bits(), SIGNS);
    let hash = hash(context, purpose, &subject, &code);
    let row = CodeRow { purpose, subject, hash, email, until: context.now().plus(context.options.code_for) };
    unit.codes().set(&row).await?;
    Ok(code)
}

/// Holds what somebody typed against the code. The guess counts when the unit is committed; the code is used up when it
/// was right.
pub(super) async fn take(
    context: &Context,
    unit: &mut Unit,
    purpose: Purpose,
    subject: &str,
    typed: &str,
) -> Result<Option<CodeRow>> {
    let Some(row) = unit.codes().guess(purpose, subject, context.now(), TRIES).await? else { return Ok(None) };
    // Who does not know the key learns nothing from the time that it takes to compare what he cannot compute.
    if row.hash != hash(context, purpose, subject, &code::read(typed)) {
        return Ok(None);
    }
    unit.codes().remove(purpose, subject).await?;
    Ok(Some(row))
}

/// Forgets codes whose time is over; called now and then.
pub(super) async fn sweep(context: &Context) -> Result<()> {
    let mut unit = context.write(&[]).await?;
    unit.codes().forget_before(context.now()).await?;
    context.logs.finish(unit).await
}

fn hash(context: &Context, purpose: Purpose, subject: &str, code: &Secret) -> TokenHash {
    TokenHash(URL_SAFE_NO_PAD.encode(context.key.sign(&["code", purpose.as_str(), subject, code.expose()])))
}
