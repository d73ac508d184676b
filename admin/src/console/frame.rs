//! The lines of the protocol: the form of a request and of an answer, and every error code.
//!
//! A line belongs here if it holds for every verb. Which verbs there are is `verb`.

use serde_json::{Map, Value, json};

/// Version of the protocol. Within one version, members are only added.
pub const VERSION: u32 = 1;

/// Largest `id` of a request: 2^53 - 1, which every JSON reader holds exactly.
const ID_MAX: u64 = (1 << 53) - 1;

/// The closed set of errors. `docs/console.md` says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The line is no JSON object.
    BadJson,
    /// `id` or `verb` is missing or wrong, or there is a member that is not known.
    BadRequest,
    /// There is no verb of that name.
    UnknownVerb,
    /// An argument is missing, wrong or not known.
    BadArgument,
    /// There is no venue of that name.
    UnknownVenue,
    /// There is no instrument of that symbol.
    UnknownSymbol,
    /// There is no session of that name.
    UnknownSession,
    /// There is no account of that name.
    UnknownAccount,
    /// There is no order of that id, or the order is forgotten.
    UnknownOrder,
    /// Several orders have that id; the error lists them.
    AmbiguousOrder,
    /// The verb needs a stronger role.
    Forbidden,
    /// The change has no reason, or one that the journal cannot hold.
    ReasonRequired,
    /// The one-time code of an authenticator is missing.
    TotpRequired,
    /// The one-time code is wrong, or was used.
    TotpWrong,
    /// Too many one-time codes were wrong: none is taken for a while.
    TotpLocked,
    /// Another operator has to approve the command.
    NeedsSecondPerson,
    /// No command of that number waits for a second person.
    UnknownPending,
    /// The person who asked for the command cannot approve it.
    SamePerson,
    /// The command that waits means something else than was asked for, or than is approved.
    PendingChanged,
    /// There is no such lock-out.
    NotLocked,
    /// The configuration file cannot be taken: it changes more than it adds, adds nothing, or has
    /// findings.
    NotAdditions,
    /// The core refused the command.
    Refused,
    /// The scope of a resume is not halted.
    NotHalted,
    /// Too many commands wait, or the input ring had no room.
    Busy,
    /// The core did not answer in time.
    Timeout,
    /// The line is longer than a line may be.
    LineTooLong,
    /// The connection sent more requests than it may.
    TooManyRequests,
    /// There are as many connections as there may be.
    TooManyConnections,
    /// The system's database of users does not answer, so the user's groups are not known.
    UsersUnknown,
    /// A newer connection took the place of this one, which was idle.
    Displaced,
    /// The node is being stopped.
    Stopping,
    /// A defect of this program.
    Internal,
}

impl Code {
    /// All codes.
    pub const ALL: [Self; 32] = [
        Self::BadJson,
        Self::BadRequest,
        Self::UnknownVerb,
        Self::BadArgument,
        Self::UnknownVenue,
        Self::UnknownSymbol,
        Self::UnknownSession,
        Self::UnknownAccount,
        Self::UnknownOrder,
        Self::AmbiguousOrder,
        Self::Forbidden,
        Self::ReasonRequired,
        Self::TotpRequired,
        Self::TotpWrong,
        Self::TotpLocked,
        Self::NeedsSecondPerson,
        Self::UnknownPending,
        Self::SamePerson,
        Self::PendingChanged,
        Self::NotLocked,
        Self::NotAdditions,
        Self::Refused,
        Self::NotHalted,
        Self::Busy,
        Self::Timeout,
        Self::LineTooLong,
        Self::TooManyRequests,
        Self::TooManyConnections,
        Self::UsersUnknown,
        Self::Displaced,
        Self::Stopping,
        Self::Internal,
    ];

    /// The word on the line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::BadRequest => "bad_request",
            Self::UnknownVerb => "unknown_verb",
            Self::BadArgument => "bad_argument",
            Self::UnknownVenue => "unknown_venue",
            Self::UnknownSymbol => "unknown_symbol",
            Self::UnknownSession => "unknown_session",
            Self::UnknownAccount => "unknown_account",
            Self::UnknownOrder => "unknown_order",
            Self::AmbiguousOrder => "ambiguous_order",
            Self::Forbidden => "forbidden",
            Self::ReasonRequired => "reason_required",
            Self::TotpRequired => "totp_required",
            Self::TotpWrong => "totp_wrong",
            Self::TotpLocked => "totp_locked",
            Self::NeedsSecondPerson => "needs_second_person",
            Self::UnknownPending => "unknown_pending",
            Self::SamePerson => "same_person",
            Self::PendingChanged => "pending_changed",
            Self::NotLocked => "not_locked",
            Self::NotAdditions => "not_additions",
            Self::Refused => "refused",
            Self::NotHalted => "not_halted",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::LineTooLong => "line_too_long",
            Self::TooManyRequests => "too_many_requests",
            Self::TooManyConnections => "too_many_connections",
            Self::UsersUnknown => "users_unknown",
            Self::Displaced => "displaced",
            Self::Stopping => "stopping",
            Self::Internal => "internal",
        }
    }
}

/// Why a request is not answered with `ok`.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The error code.
    pub code: Code,
    /// The error in words, for a person.
    pub message: String,
    /// Further members of the error object.
    pub more: Map<String, Value>,
}

impl Failure {
    /// A failure with a message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), more: Map::new() }
    }

    /// Adds a member to the error object.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }
}

/// A request that has the right form. Its verb and arguments are not checked yet.
#[derive(Clone, Debug, PartialEq)]
pub struct RawRequest {
    /// The number of the request, which the answer repeats.
    pub id: u64,
    /// The name of the verb.
    pub verb: String,
    /// The arguments by name.
    pub args: Map<String, Value>,
}

/// Reads a line. The error has the request's id, if that could be read.
///
/// # Errors
/// [`Code::BadJson`], [`Code::BadRequest`].
pub fn parse(line: &[u8]) -> Result<RawRequest, (Option<u64>, Failure)> {
    let no_object = |why: String| (None, Failure::new(Code::BadJson, why));
    let value: Value =
        serde_json::from_slice(line).map_err(|error| no_object(error.to_string()))?;
    let Value::Object(mut object) = value else {
        return Err(no_object("a request is an object".to_owned()));
    };
    let id = object.remove("id");
    let number = id.as_ref().and_then(Value::as_u64).filter(|id| *id <= ID_MAX);
    let bad = |why: &str| (number, Failure::new(Code::BadRequest, why));
    let id = number.ok_or_else(|| bad("id: a whole number from 0 to 2^53-1"))?;
    let Some(Value::String(verb)) = object.remove("verb") else {
        return Err(bad("verb: a string"));
    };
    let args = match object.remove("args") {
        None => Map::new(),
        Some(Value::Object(args)) => args,
        Some(_) => return Err(bad("args: an object")),
    };
    if let Some(name) = object.keys().next() {
        let name: String = name.chars().take(40).collect();
        return Err(bad(&format!("{name:?} is not known: only id, verb and args are")));
    }
    Ok(RawRequest { id, verb, args })
}

/// The line that answers a request.
pub fn answer(id: Option<u64>, result: Result<Value, Failure>) -> String {
    let value = match result {
        Ok(value) => json!({"id": id, "ok": value}),
        Err(failure) => {
            let mut error = failure.more;
            error.insert("code".to_owned(), failure.code.word().into());
            error.insert("message".to_owned(), failure.message.into());
            json!({"id": id, "error": error})
        }
    };
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_an_id_a_verb_and_perhaps_arguments_and_nothing_else() {
        let request = parse(br#"{"verb":"order","id":7,"args":{"id":3}}"#).expect("sound");
        assert_eq!((request.id, request.verb.as_str(), request.args.len()), (7, "order", 1));
        for (line, id, code) in [
            (&b"\xff\xfe"[..], None, Code::BadJson),
            (b"", None, Code::BadJson),
            (b"[1]", None, Code::BadJson),
            (br#"{"id":1,"verb":"status"} x"#, None, Code::BadJson),
            (br#"{"verb":"status"}"#, None, Code::BadRequest),
            (br#"{"id":-1,"verb":"status"}"#, None, Code::BadRequest),
            (br#"{"id":9007199254740992,"verb":"status"}"#, None, Code::BadRequest),
            (br#"{"id":"1","verb":"status"}"#, None, Code::BadRequest),
            (br#"{"id":1}"#, Some(1), Code::BadRequest),
            (br#"{"id":1,"verb":2}"#, Some(1), Code::BadRequest),
            (br#"{"id":1,"verb":"status","args":[]}"#, Some(1), Code::BadRequest),
            (br#"{"id":1,"verb":"status","role":"admin"}"#, Some(1), Code::BadRequest),
        ] {
            let (told, failure) = parse(line).expect_err("refused");
            assert_eq!((told, failure.code), (id, code), "{line:?}");
        }
    }

    #[test]
    fn no_nesting_is_deep_enough_to_break_the_reader() {
        let deep = format!("{}{}", r#"{"id":1,"verb":"status","args":"#, "[".repeat(60_000));
        assert_eq!(parse(deep.as_bytes()).expect_err("refused").1.code, Code::BadJson);
    }

    #[test]
    fn every_error_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<&str> = Code::ALL.map(Code::word).into();
        assert_eq!(words.len(), Code::ALL.len());
    }

    #[test]
    fn an_answer_is_one_line() {
        let failure = Failure::new(Code::Refused, "a\nb").with("seq", 9);
        let line = answer(Some(1), Err(failure));
        assert_eq!(line.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value["error"]["code"], "refused");
        assert_eq!(value["error"]["seq"], 9);
        assert_eq!(answer(None, Ok(json!({}))), "{\"id\":null,\"ok\":{}}\n");
    }
}
