//! Completions of a shell, and man pages, made from the command line's own description.
//!
//! A line belongs here if it writes what `clap` knows of a program.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Command, Subcommand};

/// The two commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Pages {
    /// Prints the completions of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Writes a man page for each command.
    Man {
        /// Folder for the pages.
        folder: PathBuf,
    },
}

impl Pages {
    /// Carries the command out, for a program.
    ///
    /// # Errors
    /// Of `out`, and of the folder.
    pub fn make(&self, program: Command, out: &mut impl Write) -> anyhow::Result<()> {
        match self {
            Self::Completions { shell } => completions(program, *shell, out),
            Self::Man { folder } => man(program, folder, out),
        }
    }
}

fn completions(
    mut program: Command,
    shell: clap_complete::Shell,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let name = program.get_name().to_owned();
    // The generator panics where its writer fails, so it writes into memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, name, &mut script);
    Ok(out.write_all(&script)?)
}

fn man(program: Command, folder: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let page = format!("{}/{}.1", folder.display(), program.get_name());
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(program, folder)?;
    writeln!(out, "{}: man pages; read one with `man {page}`", folder.display())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Command {
        Command::new("tool").about("Does it").subcommand(Command::new("saw").about("Cuts"))
    }

    #[test]
    fn a_script_is_printed_for_each_shell_and_names_the_commands() {
        for shell in
            [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish]
        {
            let mut out = Vec::new();
            Pages::Completions { shell }.make(program(), &mut out).expect("printed");
            let script = String::from_utf8(out).expect("text");
            assert!(script.contains("tool") && script.contains("saw"), "{shell}: {script}");
        }
    }

    #[test]
    fn each_command_has_a_page_and_the_answer_says_how_to_read_one() {
        let folder = std::env::temp_dir().join(format!("rutter-pages-{}", std::process::id()));
        let mut out = Vec::new();
        Pages::Man { folder: folder.clone() }.make(program(), &mut out).expect("written");
        let said = String::from_utf8(out).expect("text");
        let page = folder.join("tool.1");
        assert!(said.contains(&format!("man {}", page.display())), "{said}");
        let text = std::fs::read_to_string(page).expect("the page that was named");
        assert!(text.contains("Does it"), "{text}");
        assert!(folder.join("tool-saw.1").is_file());
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
