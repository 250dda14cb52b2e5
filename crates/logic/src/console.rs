//! The console: the files of its page, and the sessions of those who are signed in. The page itself holds no data; it reads the control
//! API.

/// The files of the page.
mod page;
/// The signed-in user and the role.
mod session;

pub use self::page::{File, HEADERS};
pub use self::session::{
    CONFIRMATION, COOKIE, LIFETIME, Session, SessionView, SignIn, Tokens, is_own_call, signed_out,
};
