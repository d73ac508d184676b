//! Opens the files of a node: no link is followed, nobody else can write, few can read.
//!
//! A line belongs here if it makes or opens a folder or a file that the node keeps. What is in a
//! file is the business of whoever opens it. Files that a person writes (configuration, keys,
//! certificates) are not opened here: a person may put a link there.
//!
//! Folders get mode 0700 and files 0600. With a reading group ([`share_with`]) the modes are 0750
//! and 0640: other processes, in that group, may read and not write. A folder or file that belongs
//! to somebody else, or that others may write to, is refused. A mode that lets others read is
//! mended, since the owner alone can have set the mode.
//!
//! A file is opened below its folder (`openat`, `O_NOFOLLOW`), and a new file is made with
//! `O_EXCL`. So a link, a pipe or a file that somebody has planted is an error, and never opened.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid, geteuid};

/// Mode bits by which others, or the group, may write.
const OTHERS_WRITE: u32 = 0o022;

/// The group that may read, once it is set.
static READERS: OnceLock<u32> = OnceLock::new();

/// Lets the processes of one group (gid) read what is made from now on. Called once, before the
/// first file is made.
///
/// # Errors
/// Another group was set before.
pub fn share_with(gid: u32) -> io::Result<()> {
    let set = *READERS.get_or_init(|| gid);
    if set == gid { Ok(()) } else { Err(refused(format!("group {set} may read already"))) }
}

/// The modes of folders and of files, and the group that they belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Modes {
    folder: u32,
    file: u32,
    readers: Option<u32>,
}

impl Modes {
    const fn of(readers: Option<u32>) -> Self {
        match readers {
            None => Self { folder: 0o700, file: 0o600, readers },
            Some(_) => Self { folder: 0o750, file: 0o640, readers },
        }
    }

    fn now() -> Self {
        Self::of(READERS.get().copied())
    }
}

/// Makes a folder of the node, with those above that are missing, or takes one that is there.
///
/// # Errors
/// The system's error, or `PermissionDenied` with what was found: a link, no folder, somebody
/// else's, writable by others.
pub fn make_folder(path: &Path) -> io::Result<()> {
    make_folder_with(path, Modes::now(), 0)
}

/// As [`make_folder`], for a folder that others have to pass through on their way to a socket: the
/// folder gets the bits 0011 as well.
///
/// # Errors
/// As [`make_folder`].
pub fn make_passage(path: &Path) -> io::Result<()> {
    make_folder_with(path, Modes::now(), 0o011)
}

fn make_folder_with(path: &Path, modes: Modes, more: u32) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty())
        && !parent.is_dir()
    {
        make_folder_with(parent, modes, 0)?;
    }
    match rustix::fs::mkdir(path, Mode::from_raw_mode(0o700)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder =
        rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| explained(errno, path))?;
    let there = rustix::fs::fstat(&folder)?;
    check(&there, path, geteuid())?;
    close(&folder, &there, modes.folder | more, modes.readers)
}

/// The folder of a file, and its name there.
struct Place<'a> {
    folder: OwnedFd,
    name: &'a OsStr,
    path: &'a Path,
}

impl<'a> Place<'a> {
    /// Opens the folder of a file. With an owner, the folder must be that user's, and closed to
    /// writers.
    fn of(path: &'a Path, owner: Option<Uid>) -> io::Result<Self> {
        let name = path.file_name().ok_or_else(|| refused(shown(path, "no name of a file")))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(parent, flags, Mode::empty())
            .map_err(|errno| explained(errno, parent))?;
        if let Some(owner) = owner {
            check(&rustix::fs::fstat(&folder)?, parent, owner)?;
        }
        Ok(Self { folder, name, path })
    }

    fn open(&self, flags: OFlags) -> io::Result<File> {
        // A pipe would be waited for without `NONBLOCK`; a regular file does not know it.
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(&self.folder, self.name, flags, Mode::from_raw_mode(0o600))
            .map_err(|errno| explained(errno, self.path))?;
        Ok(File::from(file))
    }

    /// Opens a file that is there, for writing.
    fn open_old(&self, modes: Modes) -> io::Result<File> {
        let file = self.open(OFlags::RDWR)?;
        let there = rustix::fs::fstat(&file)?;
        check_regular(&there, self.path)?;
        check(&there, self.path, geteuid())?;
        if there.st_nlink > 1 {
            return Err(second_name(self.path));
        }
        close(&file, &there, modes.file, modes.readers)?;
        Ok(file)
    }

    fn create(&self, modes: Modes) -> io::Result<File> {
        let file = self.open(OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)?;
        close(&file, &rustix::fs::fstat(&file)?, modes.file, modes.readers)?;
        Ok(file)
    }
}

/// Makes a file that is not there yet, for reading and writing.
///
/// # Errors
/// The system's error, such as `AlreadyExists`, also for a link; the folder is refused as by
/// [`make_folder`].
pub fn create_new(path: &Path) -> io::Result<File> {
    create_new_beside(path, geteuid().as_raw())
}

/// As [`create_new`], in a folder that belongs to the user with that uid: for root, who tries
/// whether the disk of another user's node can be written to.
///
/// # Errors
/// As [`create_new`].
pub fn create_new_beside(path: &Path, owner: u32) -> io::Result<File> {
    Place::of(path, Some(Uid::from_raw(owner)))?.create(Modes::now())
}

/// Makes a file anew: whatever has the name is removed first, and what it leads to is not touched.
///
/// # Errors
/// As [`create_new`]; a folder of the name is not removed.
pub fn create_anew(path: &Path) -> io::Result<File> {
    let place = Place::of(path, Some(geteuid()))?;
    match rustix::fs::unlinkat(&place.folder, place.name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(explained(errno, path)),
    }
    place.create(Modes::now())
}

/// Opens a file that is there, for reading and writing.
///
/// # Errors
/// The system's error, or `PermissionDenied` with what was found: a link, no regular file, somebody
/// else's, writable by others, a second name.
pub fn open(path: &Path) -> io::Result<File> {
    Place::of(path, Some(geteuid()))?.open_old(Modes::now())
}

/// Opens a file for reading and writing, or makes the file.
///
/// # Errors
/// As [`open`] and [`create_new`].
pub fn open_or_create(path: &Path) -> io::Result<File> {
    let place = Place::of(path, Some(geteuid()))?;
    match place.create(Modes::now()) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => place.open_old(Modes::now()),
        made => made,
    }
}

/// Opens a file for reading. A reader may be another user than the owner.
///
/// # Errors
/// The system's error, or `PermissionDenied` for a link and for what is no regular file.
pub fn open_for_reading(path: &Path) -> io::Result<File> {
    let file = Place::of(path, None)?.open(OFlags::RDONLY)?;
    check_regular(&rustix::fs::fstat(&file)?, path)?;
    Ok(file)
}

/// The user whose node keeps a folder (uid): the user of this process. For root, who looks after
/// the nodes of others, it is the owner of the folder, if the folder is there.
pub fn keeper_of(folder: &Path) -> u32 {
    let own = geteuid();
    let owner = rustix::fs::lstat(folder).ok().filter(|_| own.is_root());
    owner.map_or(own.as_raw(), |there| there.st_uid)
}

/// Whether a node of that user (uid) could make a folder, or use the one that is there, as
/// [`make_folder`] does. Nothing is changed.
///
/// # Errors
/// What [`make_folder`] would say.
pub fn could_make_folder(path: &Path, user: u32) -> io::Result<()> {
    match rustix::fs::lstat(path) {
        Ok(there) => match FileType::from_raw_mode(there.st_mode) {
            FileType::Directory => {
                check(&there, path, Uid::from_raw(user))?;
                could_write(path, user)
            }
            FileType::Symlink => Err(refused(shown(path, "is a symbolic link"))),
            _ => Err(refused(shown(path, "is no folder"))),
        },
        Err(Errno::NOENT | Errno::NOTDIR) => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let parent = parent.unwrap_or(Path::new("."));
            if parent.is_dir() {
                could_write(parent, user)
            } else {
                could_make_folder(parent, user)
            }
        }
        Err(errno) => Err(errno.into()),
    }
}

/// The permission to make something in a folder. The system tells it of this process's user alone.
fn could_write(folder: &Path, user: u32) -> io::Result<()> {
    if user != geteuid().as_raw() {
        return Ok(());
    }
    let wanted = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    let told = |errno: Errno| {
        refused(format!("cannot write to {}: {}", folder.display(), io::Error::from(errno)))
    };
    rustix::fs::access(folder, wanted).map_err(told)
}

/// Whether a node of that user (uid) could open a file as [`open`] does. A file that is not there
/// is no error.
///
/// # Errors
/// What [`open`] would say.
pub fn could_open(path: &Path, user: u32) -> io::Result<()> {
    let Some(there) = regular(path)? else { return Ok(()) };
    check(&there, path, Uid::from_raw(user))?;
    if there.st_nlink > 1 {
        return Err(second_name(path));
    }
    Ok(())
}

/// Whether a file could be opened as [`open_for_reading`] does. A file that is not there is no
/// error.
///
/// # Errors
/// What [`open_for_reading`] would say of the file's kind.
pub fn could_read(path: &Path) -> io::Result<()> {
    regular(path).map(drop)
}

/// A regular file, if anything is there.
fn regular(path: &Path) -> io::Result<Option<Stat>> {
    match rustix::fs::lstat(path) {
        Ok(there) if FileType::from_raw_mode(there.st_mode) == FileType::Symlink => {
            Err(refused(shown(path, "is a symbolic link")))
        }
        Ok(there) => check_regular(&there, path).map(|()| Some(there)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

fn second_name(path: &Path) -> io::Error {
    refused(shown(path, "has another name (a hard link)"))
}

/// Checks that a folder or file belongs to one user, and that nobody else may write to it.
fn check(there: &Stat, path: &Path, owner: Uid) -> io::Result<()> {
    if there.st_uid != owner.as_raw() {
        let whose = format!("belongs to user {}, not to {}", there.st_uid, owner.as_raw());
        return Err(refused(shown(path, &whose)));
    }
    if there.st_mode & OTHERS_WRITE != 0 {
        let mode = there.st_mode & 0o777;
        let what = format!("is {mode:04o}: others may write to it; chmod go-w mends it");
        return Err(refused(shown(path, &what)));
    }
    Ok(())
}

fn check_regular(there: &Stat, path: &Path) -> io::Result<()> {
    if FileType::from_raw_mode(there.st_mode) == FileType::RegularFile {
        return Ok(());
    }
    Err(refused(shown(path, "is no regular file")))
}

/// Gives a folder or file of ours its mode, and its group.
fn close(
    file: &impl std::os::fd::AsFd,
    there: &Stat,
    mode: u32,
    readers: Option<u32>,
) -> io::Result<()> {
    if let Some(gid) = readers.filter(|gid| *gid != there.st_gid) {
        rustix::fs::fchown(file, None::<Uid>, Some(Gid::from_raw(gid)))?;
    }
    if there.st_mode & 0o7777 != mode {
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?;
    }
    Ok(())
}

/// The system's error; a link is named as such.
fn explained(errno: Errno, path: &Path) -> io::Error {
    let is_link = rustix::fs::lstat(path)
        .is_ok_and(|there| FileType::from_raw_mode(there.st_mode) == FileType::Symlink);
    match errno {
        Errno::LOOP | Errno::NOTDIR if is_link => refused(shown(path, "is a symbolic link")),
        Errno::NXIO | Errno::ISDIR => refused(shown(path, "is no regular file")),
        errno => errno.into(),
    }
}

fn shown(path: &Path, what: &str) -> String {
    format!("{} {what}", path.display())
}

fn refused(what: String) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, what)
}

/// The folders and files below a folder that a node would refuse, or whose mode is not the one that
/// a node gives: for a look before a start. The owner of the folder counts as the node's user. At
/// most `max` of them.
pub fn look(folder: &Path, readers: Option<u32>, max: usize) -> Vec<String> {
    let modes = Modes::of(readers);
    let Ok(there) = rustix::fs::lstat(folder) else { return Vec::new() };
    let owner = Uid::from_raw(there.st_uid);
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        judge(&folder, modes, owner, &mut found);
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if found.len() >= max {
                return found;
            }
            if is_folder(&path) {
                folders.push(path);
            } else {
                judge(&path, modes, owner, &mut found);
            }
        }
    }
    found
}

fn is_folder(path: &PathBuf) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|there| there.is_dir())
}

fn judge(path: &Path, modes: Modes, owner: Uid, found: &mut Vec<String>) {
    let Ok(there) = rustix::fs::lstat(path) else { return };
    let most = match FileType::from_raw_mode(there.st_mode) {
        FileType::Symlink => return found.push(shown(path, "is a symbolic link")),
        FileType::RegularFile => modes.file,
        // Others pass through to a socket.
        FileType::Directory => modes.folder | 0o011,
        _ => return,
    };
    let mode = there.st_mode & 0o777;
    if let Err(error) = check(&there, path, owner) {
        found.push(error.to_string());
    } else if mode & !most != 0 {
        found.push(shown(path, &format!("is {mode:04o}, and should be {most:04o} at most")));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    struct Yard(tempfile::TempDir);

    impl Yard {
        /// A folder as the node makes it.
        fn new() -> Self {
            let yard = Self(tempfile::tempdir().expect("a folder"));
            make_folder(&yard.at("data")).expect("made");
            yard
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn mode(&self, name: &str) -> u32 {
            let there = std::fs::symlink_metadata(self.at(name)).expect("there");
            there.permissions().mode() & 0o777
        }

        fn set(&self, name: &str, mode: u32) {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(self.at(name), mode).expect("set");
        }
    }

    fn why<T>(result: io::Result<T>) -> String {
        let error = result.err().expect("refused");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        error.to_string()
    }

    #[test]
    fn folders_and_files_are_closed_whatever_their_mode_was() {
        let yard = Yard::new();
        make_folder(&yard.at("data/a/b")).expect("made");
        assert_eq!(
            (yard.mode("data"), yard.mode("data/a"), yard.mode("data/a/b")),
            (0o700, 0o700, 0o700)
        );
        drop(create_new(&yard.at("data/new")).expect("made"));
        drop(open_or_create(&yard.at("data/lock")).expect("made"));
        assert_eq!((yard.mode("data/new"), yard.mode("data/lock")), (0o600, 0o600));
        // A build before this one left these to the user's umask.
        yard.set("data/lock", 0o644);
        yard.set("data", 0o755);
        make_folder(&yard.at("data")).expect("taken");
        drop(open_or_create(&yard.at("data/lock")).expect("opened"));
        assert_eq!((yard.mode("data"), yard.mode("data/lock")), (0o700, 0o600));
        make_passage(&yard.at("data")).expect("taken");
        assert_eq!(yard.mode("data"), 0o711);
    }

    #[test]
    fn no_planted_link_is_followed_however_the_file_is_opened() {
        let yard = Yard::new();
        let secret = yard.at("secret");
        std::fs::write(&secret, "kept").expect("written");
        let planted = yard.at("data/next.new");
        symlink(&secret, &planted).expect("planted");
        for opened in [open(&planted), open_or_create(&planted), open_for_reading(&planted)] {
            assert!(why(opened).contains("symbolic link"));
        }
        assert_eq!(create_new(&planted).expect_err("refused").kind(), ErrorKind::AlreadyExists);
        create_anew(&planted).expect("made anew").write_all(b"ours").expect("written");
        assert_eq!(std::fs::read_to_string(&secret).expect("there"), "kept");
        assert!(!std::fs::symlink_metadata(&planted).expect("there").is_symlink());
    }

    #[test]
    fn a_link_in_place_of_a_folder_is_refused() {
        let yard = Yard::new();
        make_folder(&yard.at("elsewhere")).expect("made");
        symlink(yard.at("elsewhere"), yard.at("data/stores")).expect("planted");
        assert!(why(make_folder(&yard.at("data/stores"))).contains("symbolic link"));
        assert!(why(create_new(&yard.at("data/stores/x"))).contains("symbolic link"));
        assert!(why(open_for_reading(&yard.at("data/stores/x"))).contains("symbolic link"));
        assert_eq!(std::fs::read_dir(yard.at("elsewhere")).expect("there").count(), 0);
    }

    #[test]
    fn what_others_may_write_to_is_refused_and_told_with_its_mode() {
        let yard = Yard::new();
        drop(create_new(&yard.at("data/file")).expect("made"));
        yard.set("data/file", 0o620);
        assert!(why(open(&yard.at("data/file"))).contains("0620"));
        yard.set("data/file", 0o600);
        yard.set("data", 0o777);
        for refused in [make_folder(&yard.at("data")), open(&yard.at("data/file")).map(drop)] {
            assert!(why(refused).contains("0777"));
        }
    }

    #[test]
    fn pipes_folders_and_second_names_are_no_files_of_ours_and_nobody_hangs() {
        let yard = Yard::new();
        let pipe = yard.at("data/pipe");
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, mode, 0).expect("made");
        assert!(why(open(&pipe)).contains("no regular file"));
        assert!(why(open_for_reading(&pipe)).contains("no regular file"));
        make_folder(&yard.at("data/folder")).expect("made");
        assert!(why(open(&yard.at("data/folder"))).contains("no regular file"));
        drop(create_new(&yard.at("data/file")).expect("made"));
        std::fs::hard_link(yard.at("data/file"), yard.at("second")).expect("linked");
        assert!(why(open(&yard.at("data/file"))).contains("hard link"));
    }

    /// A look before a start says what the start would say.
    #[test]
    fn what_a_look_says_of_a_folder_or_file_is_what_opening_says() {
        let yard = Yard::new();
        let own = geteuid().as_raw();
        make_folder(&yard.at("data/open")).expect("made");
        yard.set("data/open", 0o777);
        for name in ["data/file", "data/wide", "data/first"] {
            drop(create_new(&yard.at(name)).expect("made"));
        }
        yard.set("data/wide", 0o606);
        std::fs::hard_link(yard.at("data/first"), yard.at("data/second")).expect("linked");
        symlink(yard.at("data/file"), yard.at("data/link")).expect("planted");
        symlink(yard.at("data"), yard.at("way")).expect("planted");
        let said = |result: io::Result<()>| result.err().map(|error| error.to_string());
        let folders =
            ["data", "data/open", "data/file", "data/link", "way", "way/new", "data/file/x"];
        for name in folders {
            let looked = said(could_make_folder(&yard.at(name), own));
            let made = said(make_folder(&yard.at(name)));
            assert_eq!(looked.is_some(), made.is_some(), "{name}: {looked:?}, {made:?}");
        }
        assert!(why(could_make_folder(&yard.at("way"), own)).contains("symbolic link"));
        for name in ["data/file", "data/wide", "data/second", "data/link", "data/open"] {
            let opened = said(open(&yard.at(name)).map(drop));
            assert_eq!(said(could_open(&yard.at(name), own)), opened, "{name}");
            let read = said(open_for_reading(&yard.at(name)).map(drop));
            assert_eq!(said(could_read(&yard.at(name))), read, "{name}");
        }
        assert!(could_open(&yard.at("data/none"), own).is_ok());
        assert!(why(could_make_folder(&yard.at("data"), own + 1)).contains("belongs to user"));
    }

    #[test]
    fn root_looks_for_the_user_who_keeps_the_folder() {
        let yard = Yard::new();
        assert_eq!(keeper_of(&yard.at("data")), geteuid().as_raw());
        assert_eq!(keeper_of(&yard.at("none")), geteuid().as_raw());
        if geteuid().is_root() {
            std::os::unix::fs::chown(yard.at("data"), Some(4_242), None).expect("given away");
            assert_eq!(keeper_of(&yard.at("data")), 4_242);
            assert!(could_make_folder(&yard.at("data"), 4_242).is_ok());
            assert!(create_new(&yard.at("data/x")).is_err(), "not root's");
            assert!(create_new_beside(&yard.at("data/x"), 4_242).is_ok());
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let yard = Yard::new();
        create_new(&yard.at("data/file")).expect("made").write_all(b"ours").expect("written");
        let mut text = String::new();
        open_for_reading(&yard.at("data/file"))
            .expect("opened")
            .read_to_string(&mut text)
            .expect("read");
        assert_eq!(text, "ours");
        let absent = open(&yard.at("data/absent")).expect_err("absent");
        assert_eq!(absent.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_reading_group_may_read_and_not_write() {
        assert_eq!(Modes::of(None), Modes { folder: 0o700, file: 0o600, readers: None });
        let shared = Modes::of(Some(7));
        assert_eq!((shared.folder, shared.file), (0o750, 0o640));
        let yard = Yard::new();
        let own = rustix::process::getegid().as_raw();
        make_folder_with(&yard.at("shared"), Modes::of(Some(own)), 0).expect("made");
        let place = yard.at("shared/file");
        drop(
            Place::of(&place, Some(geteuid()))
                .expect("ours")
                .create(Modes::of(Some(own)))
                .expect("made"),
        );
        assert_eq!((yard.mode("shared"), yard.mode("shared/file")), (0o750, 0o640));
    }

    #[test]
    fn a_look_names_what_a_node_would_refuse_or_close() {
        let yard = Yard::new();
        drop(create_new(&yard.at("data/file")).expect("made"));
        assert_eq!(look(&yard.at("data"), None, 9), Vec::<String>::new());
        yard.set("data/file", 0o644);
        symlink("/etc/passwd", yard.at("data/link")).expect("planted");
        let found = look(&yard.at("data"), None, 9);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().any(|line| line.contains("0644")));
        assert_eq!(look(&yard.at("data"), None, 1).len(), 1);
    }
}
