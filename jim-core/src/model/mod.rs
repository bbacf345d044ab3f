//! Plain data, and constructors that parse: who holds a value of these types knows that it is valid.

pub mod audit;
pub mod block;
pub mod code;
pub mod content;
pub mod conversation;
pub mod departure;
pub mod digest;
pub mod email;
pub mod entry;
pub mod friend;
pub mod group;
pub mod joining;
pub mod language;
pub mod limits;
pub mod password;
pub mod pin;
pub mod presence;
pub mod registration;
pub mod session;
mod text;
pub mod totp;
pub mod user;
pub mod world;

pub use block::Block;
pub use content::{ClientRef, Content, Mentions, NewMessage};
pub use conversation::{ConversationRow, Mark};
pub use digest::RoomDigest;
pub use email::Email;
pub use entry::{Entry, Kind, LogId, NewEntry, UserEntry};
pub use friend::{Friend, FriendRequest, Friendship, RequestStatus};
pub use group::{Group, Member};
pub use language::Language;
pub use limits::Limits;
pub use password::Password;
pub use presence::{Presence, Status};
pub use registration::Registration;
pub use session::{Device, Session, Source};
pub use user::{Me, Nickname, User, UserCard, Username};

use crate::error::{Error, FieldError};

/// What is wrong with a value. Never holds the value itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Stable name, such as `too_long`.
    pub code: &'static str,
    /// The same in words.
    pub detail: String,
}

impl Broken {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Broken { code, detail: detail.into() }
    }
}

/// Says which field a broken value came from.
pub trait At<T> {
    /// Names the field.
    fn at(self, field: &str) -> Result<T, FieldError>;
}

impl<T> At<T> for Result<T, Broken> {
    fn at(self, field: &str) -> Result<T, FieldError> {
        self.map_err(|broken| FieldError { field: field.into(), code: broken.code, detail: broken.detail })
    }
}

/// Gathers every broken field before it refuses, so that a form is corrected at once.
pub trait All {
    /// The values, when all are sound.
    type Values;
    /// All values, or all that is wrong.
    fn all(self) -> Result<Self::Values, Error>;
}

macro_rules! all {
    ($($name:ident)+) => {
        impl<$($name),+> All for ($(Result<$name, FieldError>,)+) {
            type Values = ($($name,)+);

            #[expect(non_snake_case, reason = "the names of the types stand for their values")]
            fn all(self) -> Result<Self::Values, Error> {
                let ($($name,)+) = self;
                let mut broken = Vec::new();
                $(let $name = $name.map_err(|error| broken.push(error)).ok();)+
                match ($($name,)+) {
                    ($(Some($name),)+) => Ok(($($name,)+)),
                    _ => Err(Error::Invalid(broken)),
                }
            }
        }
    };
}

all!(A);
all!(A B);
all!(A B C);
all!(A B C D);
all!(A B C D E);
