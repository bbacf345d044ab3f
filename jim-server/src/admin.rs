//! What whoever runs the server does on the command line.

use std::error::Error;
use std::fmt::Write as _;

use jim_core::Jim;
use jim_core::model::audit::{AuditFilter, AuditRow};
use jim_core::model::password::Password;
use jim_core::model::user::{AccountRole, UserState};
use jim_core::model::{All as _, At as _, User, Username};
use jim_core::page::Page;
use jim_core::secret::Secret;
use jim_core::service::{Actor, Register};

use crate::config::Config;
use crate::wire;

/// Things that are read at once.
const PAGE: u16 = 1000;
/// Acts that are shown where not all are asked for.
const SHOWN: u16 = 50;

/// Makes an administrator, whether a server is running on the data folder or not.
pub async fn create(config: &Config, username: &str, password: Secret) -> Result<User, Box<dyn Error>> {
    let jim = wire::beside(config).await?;
    let limits = &jim.options().limits;
    let username = Username::parse(username, limits);
    let password = Password::parse(&password, username.as_ref().ok(), limits).at("password");
    let (username, password) = (username.at("username"), password).all().map_err(said)?;
    let wish = Register { username, password, nickname: None, birth_date: None };
    jim.admin_users().create(&Actor::SYSTEM, wish, AccountRole::Admin).await.map_err(said)
}

/// Every administrator, in lines of id, state and user name.
pub async fn list(config: &Config) -> Result<String, Box<dyn Error>> {
    let jim = wire::beside_known(config).await?;
    let mut lines = String::new();
    let mut cursor = None;
    loop {
        let wanted = ("", Some(AccountRole::Admin));
        let page = jim.admin_users().list(&Actor::SYSTEM, wanted, cursor.as_deref(), PAGE).await.map_err(said)?;
        for user in page.items.iter().filter(|user| user.state != UserState::Deleted) {
            writeln!(lines, "{} {} {}", user.id, user.state.as_str(), user.username)?;
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(lines);
        }
    }
}

/// Switches an account off or on. A running server learns of it within a second.
pub async fn set_state(config: &Config, username: &str, state: UserState) -> Result<User, Box<dyn Error>> {
    let jim = wire::beside_known(config).await?;
    let users = jim.admin_users();
    let user = users.find(&Actor::SYSTEM, username).await.map_err(|_| "there is no such account")?;
    let done = match state {
        UserState::Active => users.enable(&Actor::SYSTEM, user.id).await,
        _ => users.disable(&Actor::SYSTEM, user.id).await,
    };
    done.map_err(said)
}

/// What administrators did, newest first: the last of it in lines for people, or all of it in lines of JSON.
pub async fn audit(config: &Config, all: bool, mut each: impl FnMut(&str)) -> Result<(), Box<dyn Error>> {
    let jim = wire::beside_known(config).await?;
    let mut cursor = None;
    loop {
        let page = read(&jim, cursor.as_deref(), if all { PAGE } else { SHOWN }).await?;
        for row in &page.items {
            each(&if all { serde_json::to_string(row)? } else { line(row) });
        }
        cursor = page.next;
        if cursor.is_none() || !all {
            return Ok(());
        }
    }
}

async fn read(jim: &Jim, cursor: Option<&str>, limit: u16) -> Result<Page<AuditRow>, Box<dyn Error>> {
    jim.audit().list(&Actor::SYSTEM, &AuditFilter::default(), cursor, limit).await.map_err(said)
}

fn line(row: &AuditRow) -> String {
    let by = row.by.map_or("-".into(), |by| by.to_string());
    format!("{} {} by {by} from {}: {} {}", row.id, row.at, row.ip.as_deref().unwrap_or("-"), row.action, row.target)
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
