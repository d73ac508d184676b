//! Which build this is.
//!
//! A line belongs here if it tells one build from another.

use std::sync::LazyLock;

/// The version, and the commit that the program was made from: `RUTTER_COMMIT` at its build.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let commit = option_env!("RUTTER_COMMIT").unwrap_or("unknown commit");
        format!("{} ({commit})", env!("CARGO_PKG_VERSION"))
    });
    &VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_says_the_commit_or_that_none_is_known() {
        let text = version();
        assert!(text.starts_with(concat!(env!("CARGO_PKG_VERSION"), " (")), "{text}");
        assert!(text.ends_with(')') && !text.ends_with("()"), "{text}");
    }
}
