//! An error with its causes, each told once.
//!
//! A line belongs here if it writes an error for a person. Some errors tell their cause in their
//! own text, and some do not.

/// The text of an error and of its causes. A cause that the text before it ends with is not told
/// again.
pub fn with_causes(error: &anyhow::Error) -> String {
    let mut told = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !told.ends_with(&cause) {
            told.push_str(": ");
            told.push_str(&cause);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientError;

    #[test]
    fn a_cause_is_told_once_whether_the_error_tells_it_or_not() {
        let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let cause = refused().to_string();
        let tells = anyhow::Error::from(ClientError::from(refused()));
        assert_eq!(with_causes(&tells), format!("socket: {cause}"));
        let silent = anyhow::Error::from(refused()).context("no node");
        assert_eq!(with_causes(&silent), format!("no node: {cause}"));
        let both = anyhow::Error::from(ClientError::from(refused())).context("no node");
        assert_eq!(with_causes(&both), format!("no node: socket: {cause}"));
    }
}
