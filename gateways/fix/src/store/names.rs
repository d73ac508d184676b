//! The name of a session's folder.
//!
//! A line belongs here if it turns a name into a name of the file system.

use std::fmt::Write as _;

/// The name of the folder, or file, of the session with a `CompID`. Different `CompID`s have
/// different names, and no name leads out of its folder.
///
/// Printable ASCII stays as it is, but for `/`, `\`, `%` and a dot at the beginning. These, and all
/// other bytes, become `%` and two hexadecimal digits. An empty `CompID` becomes `%`.
pub fn folder_name(comp_id: &str) -> String {
    let mut name = String::with_capacity(comp_id.len() + 1);
    for (at, byte) in comp_id.bytes().enumerate() {
        let plain = byte.is_ascii_graphic() && !matches!(byte, b'/' | b'\\' | b'%');
        if plain && !(at == 0 && byte == b'.') {
            name.push(char::from(byte));
        } else {
            // A text takes every write.
            let _ = write!(name, "%{byte:02X}");
        }
    }
    if name.is_empty() { "%".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::{Component, Path};

    #[test]
    fn a_plain_name_stays_and_no_name_leads_elsewhere_or_meets_another() {
        for plain in ["ALPHA", "DESK-1", "a.b", "x_y:z@1", "CO+LTD"] {
            assert_eq!(folder_name(plain), plain);
        }
        let alphabet =
            ["", ".", "/", "\\", "%", "a", "A", "2", "F", "\0", "\n", " ", "\u{7f}", "é"];
        let mut seen = BTreeMap::new();
        for first in alphabet {
            for second in alphabet {
                for third in alphabet {
                    let comp_id = format!("{first}{second}{third}");
                    let name = folder_name(&comp_id);
                    let path = Path::new(&name);
                    assert_eq!(path.components().count(), 1, "{comp_id:?} becomes {name:?}");
                    let normal = matches!(path.components().next(), Some(Component::Normal(_)));
                    assert!(normal && name.is_ascii(), "{comp_id:?} becomes {name:?}");
                    let before = seen.insert(name, comp_id.clone());
                    assert!(before.is_none_or(|before| before == comp_id), "{comp_id:?}");
                }
            }
        }
    }
}
