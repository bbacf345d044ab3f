//! Registration, log-in and tokens.

use jim_core::model::session::{Device, Source};
use jim_core::model::user::BirthDate;
use jim_core::model::{All as _, At as _, Nickname, Password, Username};
use jim_core::secret::Secret;
use jim_core::service::{OpenSession, Proofs, Register};
use poem::Request;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use super::answer::{Answer, Created, Done, created, found, ip};
use super::captchas::CaptchaBody;
use super::me::MeObject;
use super::{Api, Auth, Shared, Tag};
use crate::app::BASE;
use crate::body::Body;
use crate::time::Time;

/// Who wants an account.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "Register", example)]
struct RegisterBody {
    /// 3 to 32 letters, digits, `.`, `_` or `-`; unique without regard to case.
    username: String,
    /// 8 to 128 characters; not common, without the user name.
    #[oai(validator(min_length = 8, max_length = 128))]
    password: String,
    /// 1 to 32 characters; the user name if absent.
    nickname: Option<String>,
    /// `YYYY-MM-DD`.
    birth_date: Option<String>,
    /// The name of this device, 1 to 64 characters.
    device: Option<String>,
    /// The answer to a captcha, where `GET /meta` says that registration wants one.
    captcha: Option<CaptchaBody>,
}

impl poem_openapi::types::Example for RegisterBody {
    fn example() -> Self {
        RegisterBody {
            username: "ann".into(),
            password: "correct horse battery".into(),
            nickname: Some("Ann".into()),
            birth_date: None,
            device: None,
            captcha: None,
        }
    }
}

/// Who logs in.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "LogIn", example)]
struct LogInBody {
    /// The user name.
    username: String,
    /// The password.
    password: String,
    /// A code of the second factor, or one of its recovery codes, where the account has one.
    totp: Option<String>,
    /// The name of this device, 1 to 64 characters.
    device: Option<String>,
    /// The answer to a captcha, after a refusal with `captcha_required`.
    captcha: Option<CaptchaBody>,
}

impl poem_openapi::types::Example for LogInBody {
    fn example() -> Self {
        LogInBody {
            username: "ann".into(),
            password: "correct horse battery".into(),
            totp: None,
            device: Some("Ann's phone".into()),
            captcha: None,
        }
    }
}

/// A refresh token.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(rename = "Refresh", example)]
struct RefreshBody {
    /// The refresh token of the last answer.
    refresh_token: String,
}

impl poem_openapi::types::Example for RefreshBody {
    fn example() -> Self {
        RefreshBody { refresh_token: format!("jimr_{}", "A".repeat(49)) }
    }
}

/// A session with its tokens.
#[derive(Object)]
#[oai(rename = "Session")]
pub(super) struct SessionObject {
    id: i64,
    /// Opens the API, in `Authorization: Bearer`.
    access_token: String,
    /// Buys the next pair of tokens.
    refresh_token: String,
    /// Until when the access token is good.
    expires_at: Time,
}

impl From<OpenSession> for SessionObject {
    fn from(session: OpenSession) -> Self {
        SessionObject {
            id: session.id.0,
            access_token: session.access.expose().into(),
            refresh_token: session.refresh.expose().into(),
            expires_at: session.access_until.into(),
        }
    }
}

/// An account and its new session.
#[derive(Object)]
pub(super) struct LoggedIn {
    pub(super) user: MeObject,
    pub(super) session: SessionObject,
}

/// The session with its new tokens.
#[derive(Object)]
struct Refreshed {
    session: SessionObject,
}

/// The operations of this file.
pub struct AuthApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Auth")]
impl AuthApi {
    /// Register
    ///
    /// Makes an account and logs it in.
    ///
    /// Codes: `auth.registration_closed`, `auth.username_taken`, `captcha.required`, `captcha.invalid`, `rate.limited`.
    #[oai(path = "/auth/register", method = "post", operation_id = "register")]
    async fn register(&self, request: &Request, body: Body<RegisterBody>) -> Answer<Created<LoggedIn>> {
        let Shared { jim, throttles } = &*self.0;
        throttles.register.check(ip(request)).await?;
        let limits = &jim.options().limits;
        let body = body.0;
        let username = Username::parse(&body.username, limits);
        let password = Password::parse(&Secret::new(&*body.password), username.as_ref().ok(), limits);
        let nickname = body.nickname.map(|name| Nickname::parse(&name, limits)).transpose();
        let birth_date = body.birth_date.map(|date| BirthDate::parse(&date, jim.clock().now())).transpose();
        let device = body.device.map(|device| Device::parse(&device)).transpose();
        let (username, password, nickname, birth_date, device) = (
            username.at("username"),
            password.at("password"),
            nickname.at("nickname"),
            birth_date.at("birth_date"),
            device.at("device"),
        )
            .all()?;
        let wish = Register { username, password, nickname, birth_date };
        let captcha = body.captcha.map(Into::into);
        let source = Source { ip: ip(request), device };
        let (user, session) = jim.users().register(wish, captcha.as_ref(), &source).await?;
        created(LoggedIn { user: user.into(), session: session.into() })
    }

    /// Log in
    ///
    /// An unknown name and a wrong password answer alike. After some failures from one address a captcha is wanted, and
    /// after more of them this account is locked for that address, for a while. Where a second factor is on, the right
    /// password alone is answered `auth.totp_required`; each code is good once.
    ///
    /// Codes: `auth.invalid_credentials`, `auth.totp_required`, `auth.account_disabled`, `auth.captcha_required`,
    /// `captcha.invalid`, `auth.locked`, `rate.limited`.
    #[oai(path = "/auth/login", method = "post", operation_id = "logIn")]
    async fn log_in(&self, request: &Request, body: Body<LogInBody>) -> Answer<Json<LoggedIn>> {
        let Shared { jim, throttles } = &*self.0;
        throttles.login.check(ip(request)).await?;
        let body = body.0;
        let (device,) = (body.device.map(|device| Device::parse(&device)).transpose().at("device"),).all()?;
        let password = Secret::new(body.password);
        let (captcha, totp) = (body.captcha.map(Into::into), body.totp.map(Secret::new));
        let proofs = Proofs { captcha: captcha.as_ref(), totp: totp.as_ref() };
        let source = Source { ip: ip(request), device };
        let (user, session) = jim.users().log_in(&body.username, &password, proofs, &source).await?;
        found(LoggedIn { user: user.into(), session: session.into() })
    }

    /// Refresh
    ///
    /// Buys the next pair of tokens. Repeated before a new token was used, it answers alike; after that the token counts
    /// as stolen and the session ends. A token older than that is refused.
    ///
    /// Codes: `auth.refresh_invalid`.
    #[oai(path = "/auth/refresh", method = "post", operation_id = "refresh")]
    async fn refresh(&self, body: Body<RefreshBody>) -> Answer<Json<Refreshed>> {
        let session = self.0.jim.sessions().refresh(&body.0.refresh_token).await?;
        found(Refreshed { session: session.into() })
    }

    /// Log out
    ///
    /// Ends the session and closes its sockets.
    ///
    /// Codes: `auth.required`.
    #[oai(path = "/auth/logout", method = "post", operation_id = "logOut")]
    async fn log_out(&self, caller: Auth) -> Answer<Done> {
        self.0.jim.sessions().log_out(&caller.0).await?;
        Ok(Done::Done)
    }
}
