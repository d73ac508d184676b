//! Where the node's socket is.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Where it is if nobody says anything else, from the folder that the node was started in.
pub const SOCKET: &str = "./data/console/console.sock";

/// The variable that names the socket.
pub const SOCKET_VARIABLE: &str = "RUTTER_CONSOLE";

/// A configuration file that is longer is not read.
const CONFIG_BYTES_MAX: u64 = 64 << 20;

/// Which node is meant.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct NodeLocation {
    /// The node's socket. Otherwise that of --config, `RUTTER_CONSOLE`, or
    /// ./data/console/console.sock.
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "config")]
    pub socket: Option<PathBuf>,
    /// The node's configuration: its [console] socket.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The one key that is read here. The rest of the file is the node's to judge.
#[derive(Deserialize)]
struct File {
    console: Option<Section>,
}

#[derive(Deserialize)]
struct Section {
    socket: Option<PathBuf>,
}

impl NodeLocation {
    /// The path: `--socket`, else the configuration's, else `variable`, else [`SOCKET`].
    ///
    /// # Errors
    /// Why the configuration cannot be read, as a sentence.
    pub fn path(&self, variable: Option<PathBuf>) -> Result<PathBuf, String> {
        if let Some(path) = &self.socket {
            return Ok(path.clone());
        }
        // An option of this command overrides the environment.
        if let Some(file) = &self.config {
            let named = socket_of(file)?;
            return named.ok_or_else(|| format!("{} has no [console] socket", file.display()));
        }
        let variable = variable.filter(|path| !path.as_os_str().is_empty());
        Ok(variable.unwrap_or_else(|| PathBuf::from(SOCKET)))
    }

    /// [`Self::path`] with this process's own environment.
    ///
    /// # Errors
    /// Like the socket path of a configuration.
    pub fn here(&self) -> Result<PathBuf, String> {
        self.path(std::env::var_os(SOCKET_VARIABLE).map(PathBuf::from))
    }
}

/// A parse error of a configuration could quote a secret: the file is named, not quoted.
fn socket_of(file: &Path) -> Result<Option<PathBuf>, String> {
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", file.display());
    let bytes = std::fs::metadata(file).map_err(unreadable)?.len();
    if bytes > CONFIG_BYTES_MAX {
        return Err(format!("{} is longer than {CONFIG_BYTES_MAX} bytes", file.display()));
    }
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let parsed: File = toml::from_str(&text)
        .map_err(|_| format!("{} is not sound: see `rutter check-config`", file.display()))?;
    Ok(parsed.console.and_then(|console| console.socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_the_flags_then_the_configurations_then_the_variables_then_the_usual() {
        let dir = tempfile::tempdir().expect("folder");
        let file = dir.path().join("node.toml");
        let text = "[node]\nsecret = 1\n[console]\nsocket = \"run/c.sock\"\noperators = []\n";
        std::fs::write(&file, text).expect("written");
        let path = |socket: Option<&str>, variable: Option<&str>, config: bool| {
            let place = NodeLocation {
                socket: socket.map(PathBuf::from),
                config: config.then(|| file.clone()),
            };
            place.path(variable.map(PathBuf::from)).expect("a path")
        };
        assert_eq!(path(Some("a"), Some("b"), true), Path::new("a"));
        assert_eq!(path(None, Some("b"), true), Path::new("run/c.sock"));
        assert_eq!(path(None, Some("b"), false), Path::new("b"));
        assert_eq!(path(None, Some(""), false), Path::new(SOCKET));
        assert_eq!(path(None, None, true), Path::new("run/c.sock"));
        assert_eq!(path(None, None, false), Path::new(SOCKET));
    }

    #[test]
    fn a_broken_configuration_is_named_and_not_quoted() {
        let dir = tempfile::tempdir().expect("folder");
        let file = dir.path().join("node.toml");
        std::fs::write(&file, "password = \"canary\" = 1").expect("written");
        let place = NodeLocation { socket: None, config: Some(file) };
        let said = place.path(None).expect_err("refused");
        assert!(said.contains("node.toml is not sound") && !said.contains("canary"), "{said}");
    }
}
