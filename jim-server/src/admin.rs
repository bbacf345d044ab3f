//! What whoever runs the server does on the command line.

use std::error::Error;

use jim_core::model::password::Password;
use jim_core::model::{All as _, At as _, Me, Username};
use jim_core::secret::Secret;
use jim_core::service::Register;

use crate::config::Config;
use crate::wire;

/// Makes an administrator, whether a server is running on the data folder or not.
pub async fn create(config: &Config, username: &str, password: Secret) -> Result<Me, Box<dyn Error>> {
    let jim = wire::beside(config).await?;
    let limits = &jim.options().limits;
    let username = Username::parse(username, limits);
    let password = Password::parse(&password, username.as_ref().ok(), limits).at("password");
    let (username, password) = (username.at("username"), password).all().map_err(said)?;
    let wish = Register { username, password, nickname: None, birth_date: None };
    jim.users().create_admin(wish).await.map_err(said)
}

/// A refusal in one line.
fn said(error: jim_core::Error) -> Box<dyn Error> {
    match &error {
        jim_core::Error::Invalid(fields) => {
            let each: Vec<_> = fields.iter().map(|field| format!("{}: {}", field.field, field.detail)).collect();
            each.join("; ").into()
        }
        _ => error.into(),
    }
}
