//! Whether a node could start with a configuration, found out without starting.
//!
//! A line belongs here if it asks the parts of a start whether they would refuse. `rutter run`,
//! `rutter check-config` and `rutter doctor` read a configuration only through [`load`], so that
//! they refuse the same files with the same words. Whether another process has a port at the moment
//! is left to the start: a node that runs has its own ports.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rutter_admin::console::socket::check_place;
use rutter_clients::Proof;
use rutter_core::input::Input;
use rutter_journal::FileStorage;
use rutter_transport::tls::ClientTls;
use rutter_venues::venue::Setup;

use crate::config::placeholder;
use crate::config::{Access, Config, ConfigError, Examined, Fault, Findings, VenueConfig};
use crate::node::boot::{self, Known, Names};
use crate::node::gateway_settings;
use crate::venues::{self, VenueError};
use crate::watch::fix_log;
use crate::watch::logs::{LEVEL_VARIABLE, check_variable};

/// Longest path of a Unix socket, bytes (`sun_path` of Linux without its last byte).
const SOCKET_BYTES_MAX: usize = 107;

/// The user whose node would start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The user of this process.
    Own,
    /// For root, who looks after the nodes of others, the owner of the data folder.
    Keepers,
}

impl Whose {
    /// The user, for a node with that data folder (uid).
    pub fn user(self, data_dir: &Path) -> u32 {
        match self {
            Self::Own => rustix::process::geteuid().as_raw(),
            Self::Keepers => rutter_files::keeper_of(data_dir),
        }
    }
}

/// Reads a configuration file, and checks everything that a start would refuse.
///
/// # Errors
/// Everything that was found.
pub fn load(path: &Path, whose: Whose) -> Result<Config, ConfigError> {
    let text = Config::read(path)?;
    let config = check(&text, whose);
    let config = config.map_err(|error| ConfigError { path: path.to_owned(), ..error })?;
    Ok(Config { file: Some(path.to_owned()), ..config })
}

/// Reads a configuration file for a node that runs, and checks the file by itself: what the
/// journal, other files and addresses have to do with it, the node knows.
///
/// # Errors
/// Everything that was found.
pub fn additions(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let of_file = |error: ConfigError| ConfigError { path: path.to_owned(), ..error };
    let Examined { config, mut findings } = Config::examine(text);
    if let Some(config) = &config {
        check_sessions(&mut findings, config);
        config.check_volume_dates(&mut findings, today());
    }
    findings.into_result().map_err(of_file)?;
    config.ok_or_else(|| ConfigError::of_file(path.to_owned(), "cannot be read".to_owned()))
}

/// Checks a text as [`load`] does.
///
/// # Errors
/// Everything that was found.
pub fn check(text: &str, whose: Whose) -> Result<Config, ConfigError> {
    let Examined { config, mut findings } = Config::examine(text);
    if let Some(config) = &config {
        if let Err(error) = check_variable() {
            findings.add(LEVEL_VARIABLE, Fault::BadLevel, error.to_string());
        }
        check_sessions(&mut findings, config);
        config.check_volume_dates(&mut findings, today());
        check_headers(&mut findings, config);
        check_listeners(&mut findings, config);
        check_folders(&mut findings, config, whose.user(&config.node.data_dir));
        check_journal(&mut findings, config);
    }
    findings.into_result()?;
    config.ok_or_else(|| ConfigError::of_file("".into(), "cannot be read".to_owned()))
}

/// The day (UTC), in days since 1970-01-01.
fn today() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(now.as_secs() / 86_400).unwrap_or(u32::MAX)
}

const STAND_IN: &str = "a stand-in from an example";

/// A password or shared secret that an example has published protects nothing.
fn check_sessions(findings: &mut Findings, config: &Config) {
    for (at, session) in config.session.iter().enumerate() {
        // What cannot be read is a finding already.
        let Ok(Access { proof: Proof::Password(secret) | Proof::HmacSha256(secret), .. }) =
            Access::of(session)
        else {
            continue;
        };
        let key = match (&session.password_file, &session.password_env) {
            (Some(_), _) => "password_file",
            (_, Some(_)) => "password_env",
            (None, None) => "password",
        };
        if placeholder(secret.expose()) {
            findings.add(&format!("session[{at}].{key}"), Fault::Placeholder, STAND_IN);
        }
    }
}

/// A header that a webhook's server takes for proof.
fn check_headers(findings: &mut Findings, config: &Config) {
    let webhooks = config.alerts.iter().flat_map(|alerts| &alerts.webhook);
    for (at, webhook) in webhooks.enumerate() {
        for (n, header) in webhook.header.iter().enumerate() {
            if header.value.as_ref().is_some_and(|value| placeholder(value.expose())) {
                let key = format!("alerts.webhook[{at}].header[{n}].value");
                findings.add(&key, Fault::Placeholder, STAND_IN);
            }
        }
    }
}

/// Tries to listen, for a moment, on each address.
fn check_listeners(findings: &mut Findings, config: &Config) {
    for (path, address) in config.listeners() {
        match TcpListener::bind(address) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => {
                let reason = format!("cannot listen on {address}: {error}");
                findings.add(path, Fault::BadAddress, reason);
            }
        }
    }
}

/// Looks at the folders and files that a start makes or opens, as the start would.
fn check_folders(findings: &mut Findings, config: &Config, user: u32) {
    let data_dir = &config.node.data_dir;
    let looked = rutter_files::could_make_folder(data_dir, user)
        .and_then(|()| could_open_journal(data_dir, user));
    if let Err(error) = looked {
        findings.add("node.data_dir", Fault::Unreadable, error.to_string());
    }
    if let Some(folder) = &config.log.fix {
        let mut looked = vec![rutter_files::could_make_folder(folder, user)];
        let files = config.session.iter().map(|one| fix_log::path_of(folder, &one.comp_id));
        looked.extend(files.map(|file| rutter_files::could_open(&file, user)));
        if let Some(error) = looked.into_iter().find_map(Result::err) {
            findings.add("log.fix", Fault::Unreadable, error.to_string());
        }
    }
    let Some(console) = &config.console else { return };
    let (path, socket) = ("console.socket", &console.socket);
    let length = socket.as_os_str().len();
    if length > SOCKET_BYTES_MAX {
        let reason = format!("{length} bytes, a socket's path has at most {SOCKET_BYTES_MAX}");
        findings.add(path, Fault::OutOfRange, reason);
    }
    if let Err(error) = check_place(socket, user) {
        findings.add(path, Fault::Conflict, error.to_string());
    } else if let Some(folder) = socket.parent().filter(|folder| *folder != Path::new(""))
        && let Err(error) = rutter_files::could_make_folder(folder, user)
    {
        findings.add(path, Fault::Unreadable, error.to_string());
    }
}

/// Whether a start could open the lock of the data folder and the journal's files.
fn could_open_journal(data_dir: &Path, user: u32) -> std::io::Result<()> {
    let folder = data_dir.join("journal");
    rutter_files::could_make_folder(&folder, user)?;
    rutter_files::could_open(&data_dir.join("lock"), user)?;
    if !folder.is_dir() {
        return Ok(());
    }
    let journal = FileStorage::existing(&folder).map_err(std::io::Error::other)?;
    let (written, read) = journal.files().map_err(std::io::Error::other)?;
    written.iter().try_for_each(|file| rutter_files::could_open(file, user))?;
    read.iter().try_for_each(|file| rutter_files::could_read(file))
}

/// Checks what depends on the journal's names: adapters, definitions and the client gateway.
fn check_journal(findings: &mut Findings, config: &Config) {
    let folder = config.node.data_dir.join("journal");
    let known = if folder.is_dir() { Known::read(&folder) } else { Ok(Known::default()) };
    let known = known.unwrap_or_else(|error| {
        findings.add("node.data_dir", Fault::Refused, format!("journal: {error}"));
        Known::default()
    });
    let names = known.names(config);
    for (at, venue) in config.venue.iter().enumerate() {
        check_venue(findings, &format!("venue[{at}]"), config, venue, &names);
    }
    let sections = ["assets", "account", "session", "instrument", "venue", "fix"];
    if sections.iter().all(|section| findings.is_clean(section)) {
        check_definitions(findings, config, &known, &names);
    }
}

fn check_venue(
    findings: &mut Findings,
    at: &str,
    config: &Config,
    venue: &VenueConfig,
    names: &Names,
) {
    if placeholder(&venue.api_key) {
        findings.add(&format!("{at}.api_key"), Fault::Placeholder, STAND_IN);
    }
    if let Err(error) = ClientTls::load(venue.ca_file.as_deref()) {
        findings.add(&format!("{at}.ca_file"), Fault::BadCertificate, error.to_string());
    }
    match venues::secret(venue) {
        Ok(secret) if placeholder(secret.expose()) => {
            findings.add(&format!("{at}.secret_file"), Fault::Placeholder, STAND_IN);
        }
        Ok(_) => {}
        Err(VenueError::Secret { path, source, .. }) => {
            let reason = format!("cannot read {}: {source}", path.display());
            findings.add(&format!("{at}.secret_file"), Fault::Unreadable, reason);
        }
        Err(VenueError::Settings { key, reason, .. }) => add_setting(findings, at, key, reason),
    }
    // Without a secret or a kind there is no adapter to ask.
    let can_ask =
        ["secret_file", "kind"].iter().all(|key| findings.is_clean(&format!("{at}.{key}")));
    match venues::setup(config, venue, names, 0).map(|setup| (setup, can_ask)) {
        Ok((setup, true)) => check_adapters(findings, at, venue, &setup),
        Err(VenueError::Settings { key, reason, .. }) => add_setting(findings, at, key, reason),
        Ok((_, false)) | Err(VenueError::Secret { .. }) => {}
    }
}

/// Adds what an adapter says, unless the key has its finding already.
fn add_setting(findings: &mut Findings, at: &str, key: &str, reason: String) {
    let path = format!("{at}.{key}");
    let fault = if key == "secret_file" { Fault::BadSecret } else { Fault::Refused };
    if findings.is_clean(&path) {
        findings.add(&path, fault, reason);
    }
}

fn check_adapters(findings: &mut Findings, at: &str, venue: &VenueConfig, setup: &Setup) {
    let refusals = |setup: &Setup| {
        let orders = venues::orders(venue, setup).err();
        let has_feed = venue.books_of.is_none();
        let feed = has_feed.then(|| venues::feed(venue, setup).err()).flatten();
        orders.into_iter().chain(feed).filter_map(|error| match error {
            VenueError::Settings { key, reason, .. } => Some((key, reason)),
            VenueError::Secret { .. } => None,
        })
    };
    let mut all_listings_fit = true;
    for (key, reason) in refusals(setup) {
        if key == "listing" {
            all_listings_fit = false;
        } else {
            add_setting(findings, at, key, reason);
        }
    }
    if all_listings_fit {
        return;
    }
    // Each listing by itself: the adapters name the first that they refuse.
    for (n, listing) in setup.listings.iter().enumerate() {
        let alone = Setup { listings: vec![listing.clone()], ..setup.clone() };
        for (_, reason) in refusals(&alone).filter(|(key, _)| *key == "listing") {
            add_setting(findings, at, &format!("listing[{n}].symbol"), reason);
        }
    }
    if findings.is_clean(&format!("{at}.listing")) {
        for (key, reason) in refusals(setup).filter(|(key, _)| *key == "listing") {
            add_setting(findings, at, key, reason);
        }
    }
}

/// Checks the definitions against those of the journal, and the gateway's own rules.
fn check_definitions(findings: &mut Findings, config: &Config, known: &Known, names: &Names) {
    let (inputs, market) = (boot::inputs(config, names), boot::market(config, names));
    let (Some(inputs), Some(market)) = (inputs, market) else {
        return findings.add("venue", Fault::Refused, "a name is not defined");
    };
    for input in known.refused(&inputs) {
        let reason = format!(
            "the journal has another {}: names, assets, decimals and whose books a venue account \
             uses stay for the life of a journal",
            boot::describe(&input, names)
        );
        findings.add(&path_of(&input, config), Fault::ContradictsJournal, reason);
    }
    match gateway_settings(config, names, 0) {
        Ok(settings) => {
            if let Err(error) = settings.check() {
                findings.add("session", Fault::Refused, error.to_string());
            }
            let defined = |_, _| true;
            if let Err(error) = market.check(defined, settings.limits.output_bytes_max) {
                findings.add("fix.market_data", Fault::Refused, error.to_string());
            }
        }
        Err(error) => findings.add("session", Fault::Refused, error.to_string()),
    }
}

/// Where the configuration has a definition.
fn path_of(input: &Input, config: &Config) -> String {
    let symbol = |name: &str| config.instrument.iter().position(|one| one.symbol == name);
    let venue = |name: &str| config.venue.iter().position(|one| one.name == name);
    let of = |list: &str, at: Option<usize>| {
        at.map_or_else(|| list.to_owned(), |at| format!("{list}[{at}]"))
    };
    match input {
        Input::Instrument(def) => of("instrument", symbol(def.symbol.as_str())),
        Input::Venue(def) => of("venue", venue(def.name.as_str())),
        Input::Account(_)
        | Input::Routing(_)
        | Input::Owner(_)
        | Input::Rest(_)
        | Input::AccountFee(_)
        | Input::Sharing(_)
        | Input::Bridge(_) => "account".to_owned(),
        Input::Session(_) => "session".to_owned(),
        Input::Listing(_)
        | Input::Budget(_)
        | Input::Amend(_)
        | Input::BooksOf(_)
        | Input::FeeSchedule(_)
        | Input::FeeTier(_)
        | Input::FeeByTier { .. } => "venue".to_owned(),
        _ => "assets".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use rutter_core::input::Genesis;
    use rutter_core::output::Output;
    use rutter_tools::harness::fill_in;

    use crate::config::{Finding, shown};
    use crate::node::decider::Decider;

    const EXAMPLE: &str = include_str!("../deploy/example.toml");

    struct Scene {
        folder: tempfile::TempDir,
        text: String,
    }

    impl Scene {
        /// The example, filled in.
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("folder");
            let text = fill_in(EXAMPLE, folder.path()).expect("filled in");
            Self { folder, text }
        }

        /// Puts `to` in the place of the first `from`.
        fn with(mut self, from: &str, to: &str) -> Self {
            assert!(self.text.contains(from), "{from} in {}", self.text);
            self.text = self.text.replacen(from, to, 1);
            self
        }

        fn write(self, file: &str, text: &str) -> Self {
            std::fs::write(self.folder.path().join(file), text).expect("written");
            self
        }

        fn findings(&self) -> Vec<Finding> {
            check(&self.text, Whose::Own).map_or_else(|error| error.findings, |_| Vec::new())
        }

        /// Asserts that there are these findings and no other, by word and key.
        fn finds(&self, wanted: &[(Fault, &str)]) {
            let findings = self.findings();
            let found: Vec<(Fault, &str)> =
                findings.iter().map(|one| (one.fault, one.key.as_str())).collect();
            let mut wanted = wanted.to_vec();
            let mut sorted = found.clone();
            wanted.sort_unstable();
            sorted.sort_unstable();
            assert_eq!(sorted, wanted, "{findings:#?}");
            assert!(findings.iter().all(|one| one.line > 0), "{findings:#?}");
        }
    }

    #[test]
    fn the_example_is_refused_for_its_stand_ins_and_sound_when_they_are_filled_in() {
        let refused = check(EXAMPLE, Whose::Own).expect_err("stand-ins");
        let count = |fault| refused.findings.iter().filter(|one| one.fault == fault).count();
        assert_eq!((count(Fault::Placeholder), count(Fault::Unreadable)), (4, 2), "{refused}");
        assert_eq!(refused.findings.len(), 6, "{refused}");
        Scene::new().finds(&[]);
    }

    #[test]
    fn each_example_is_sound_when_its_stand_ins_are_filled_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
        let files = std::fs::read_dir(folder).expect("listed").map(|file| file.expect("a file"));
        let examples: Vec<String> = files
            .filter(|file| file.file_name() != "example.toml")
            .filter(|file| file.path().extension().is_some_and(|end| end == "toml"))
            .map(|file| std::fs::read_to_string(file.path()).expect("read"))
            .collect();
        assert!(examples.len() >= rutter_venues::VENUES.len(), "one a venue at least");
        for example in &examples {
            let folder = tempfile::tempdir().expect("folder");
            assert!(check(example, Whose::Own).is_err(), "the stand-ins are no secrets");
            let text = fill_in(example, folder.path()).expect("filled in");
            let config = check(&text, Whose::Own).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(config.venue.len(), 1);
        }
    }

    #[test]
    fn what_is_shown_of_a_configuration_is_sound_but_for_the_mask_of_each_secret() {
        let webhook = "[[alerts.webhook]]\nname = \"desk\"\nurl_file = \"/dev/null\"\n\
                       severities = []\n[[alerts.webhook.header]]\nname = \"A\"\nvalue = \"b\"\n";
        let mut scene = Scene::new();
        let url = scene.folder.path().join("url");
        std::fs::write(&url, "https://alerts.example/hook").expect("written");
        let webhook = webhook.replace("/dev/null", &url.display().to_string());
        let webhook = webhook.replace("severities = []", "severities = [\"page\"]");
        scene.text.push_str(&webhook);
        let config = check(&scene.text, Whose::Own).unwrap_or_else(|error| panic!("{error}"));
        scene.text = shown(&config).expect("shown");
        scene.finds(&[
            (Fault::Placeholder, "alerts.webhook.desk.header.A.value"),
            (Fault::BadSecret, "session.DESK1.password"),
            (Fault::BadSecret, "session.COPY1.password"),
            (Fault::Placeholder, "venue.binance.api_key"),
            (Fault::Placeholder, "venue.kraken.api_key"),
        ]);
    }

    #[test]
    fn all_that_a_start_would_refuse_is_found_at_once() {
        let scene = Scene::new()
            .with("level = \"info\"", "level = \"inof\"")
            .with("127.0.0.1:9464", "127.0.0.1:9878")
            .with("127.0.0.1:9878", "192.0.2.1:9878")
            .with("127.0.0.1:9878", "192.0.2.1:9878")
            .with("tick = \"0.01\"", "tick = \"0.001\"")
            .with("comp_id = \"RUTTER1\"", "comp_id = \"RUTTER-NODE\"")
            .with("kraken-secret.txt", "nowhere.txt")
            .write("binance-ed25519.pem", "not a PEM file");
        scene.finds(&[
            (Fault::BadLevel, "log.level"),
            (Fault::BadAddress, "fix.listen"),
            (Fault::BadAddress, "metrics.listen"),
            (Fault::Duplicate, "metrics.listen"),
            (Fault::OutOfRange, "venue.binance.listing.BTC/USDT.tick"),
            (Fault::Refused, "venue.binance.comp_id"),
            (Fault::Unreadable, "venue.kraken.secret_file"),
        ]);
    }

    #[test]
    fn a_wrong_value_hides_no_other_of_its_venue_listing_or_session() {
        let hours = "validate_messages = true\n[session.hours]\nzone = \"Mars\"\nstart = \"8\"\n\
                     end = \"25:00\"\n[[session]]\ncomp_id = \"DESK2\"\naccount = \"fund\"\n\
                     password_file = \"/n\"";
        let scene = Scene::new()
            .with("validate_messages = true", hours)
            .with("kind = \"binance\"", "kind = \"binanse\"")
            .with("tls://fix-oe", "fix-oe")
            .with("api_key = \"", "api_key = \"your-")
            .with("instrument = \"BTC/USDT\"", "instrument = \"BTC/USDX\"")
            .with("qty_max = \"9000\"", "qty_max = \"0.000001\"")
            .write("binance-ed25519.pem", "<the key>");
        scene.finds(&[
            (Fault::BadHours, "session.DESK1.hours.zone"),
            (Fault::BadHours, "session.DESK1.hours.start"),
            (Fault::BadHours, "session.DESK1.hours.end"),
            (Fault::Unreadable, "session.DESK2.password_file"),
            (Fault::UnknownValue, "venue.binance.kind"),
            (Fault::BadAddress, "venue.binance.order_url"),
            (Fault::Placeholder, "venue.binance.api_key"),
            (Fault::Placeholder, "venue.binance.secret_file"),
            (Fault::NotDeclared, "venue.binance.listing.BTC/USDX.instrument"),
            (Fault::Impossible, "venue.binance.listing.BTC/USDX.qty_max"),
        ]);
    }

    #[test]
    fn a_secret_that_no_venue_could_use_is_found_at_its_key() {
        for (file, text, fault, key) in [
            ("binance-ed25519.pem", "nothing", Fault::BadSecret, "venue.binance.secret_file"),
            ("binance-ed25519.pem", "", Fault::BadSecret, "venue.binance.secret_file"),
            ("kraken-secret.txt", "not base64!", Fault::BadSecret, "venue.kraken.secret_file"),
            ("kraken-secret.txt", " \n", Fault::BadSecret, "venue.kraken.secret_file"),
            ("kraken-secret.txt", "<secret>", Fault::Placeholder, "venue.kraken.secret_file"),
        ] {
            let scene = Scene::new().write(file, text);
            scene.finds(&[(fault, key)]);
            let shown = format!("{:?}", scene.findings());
            assert!(text.trim().is_empty() || !shown.contains(text), "{shown}");
        }
    }

    #[test]
    fn what_only_the_adapters_and_the_machine_know_is_found_at_its_key() {
        const KRAKEN: &str = "rest_decay_milli_per_s = 330";
        let long = "x".repeat(200);
        let with_kraken = |line: &str| format!("{KRAKEN}\n{line}");
        let (validity, ca_file) =
            (with_kraken("validity_ms = 100"), with_kraken("ca_file = \"/n\""));
        for (from, to, fault, key) in [
            ("\"BTCUSDT\"", "\"BTC/USD\"", Fault::Refused, "venue.binance.listing.BTC/USDT.symbol"),
            (
                "counter_max = 14",
                "counter_max = 1",
                Fault::Refused,
                "venue.kraken.rest_counter_max",
            ),
            (KRAKEN, &validity, Fault::Refused, "venue.kraken.validity_ms"),
            (KRAKEN, &ca_file, Fault::BadCertificate, "venue.kraken.ca_file"),
            ("console.sock", &long, Fault::OutOfRange, "console.socket"),
            ("data/console/console.sock", "plain", Fault::Conflict, "console.socket"),
            ("data/console/console.sock", "open/console.sock", Fault::Conflict, "console.socket"),
            ("/data\"", "/plain\"", Fault::Unreadable, "node.data_dir"),
        ] {
            let scene = Scene::new().with(from, to).write("plain", "a file");
            // Others may write to this folder.
            let open = scene.folder.path().join("open");
            std::fs::create_dir(&open).expect("made");
            std::fs::set_permissions(&open, Permissions::from_mode(0o777)).expect("set");
            scene.finds(&[(fault, key)]);
        }
    }

    /// Root's doctor looks at the node of another user, and root's start would be refused.
    #[test]
    fn root_sees_no_conflict_in_the_folder_of_another_user_unless_root_would_start_the_node() {
        let scene = Scene::new();
        let config = check(&scene.text, Whose::Own).unwrap_or_else(|error| panic!("{error}"));
        let is_root = rustix::process::geteuid().is_root();
        let journal = config.node.data_dir.join("journal");
        let console = config.console.expect("a console").socket;
        let console = console.parent().expect("a folder").to_owned();
        for folder in [&journal, &console] {
            rutter_files::make_folder(folder).expect("made");
        }
        for folder in [&config.node.data_dir, &journal, &console].into_iter().filter(|_| is_root) {
            std::os::unix::fs::chown(folder, Some(4_242), Some(4_242)).expect("given away");
        }
        let looked = check(&scene.text, Whose::Keepers).map(drop);
        assert!(looked.is_ok(), "{looked:?}");
        let keys: Vec<String> = scene.findings().into_iter().map(|one| one.key).collect();
        let expected: &[&str] = if is_root { &["node.data_dir", "console.socket"] } else { &[] };
        assert_eq!(keys, expected);
    }

    /// Whatever a start refuses to open is found before.
    #[test]
    fn a_link_in_the_place_of_a_folder_or_file_is_found_as_a_start_finds_it() {
        use crate::node::run_until;
        use std::os::unix::fs::symlink;
        use std::sync::Arc;
        use std::sync::atomic::AtomicBool;

        let fix = "format = \"text\"\nfix = \"FOLDER/fix\"";
        for (place, key) in [
            ("data", "node.data_dir"),
            ("data/journal", "node.data_dir"),
            ("data/lock", "node.data_dir"),
            ("data/journal/lock", "node.data_dir"),
            ("data/journal/mark", "node.data_dir"),
            ("fix", "log.fix"),
            ("fix/DESK1.fix.log", "log.fix"),
        ] {
            let scene = Scene::new();
            let fix = fix.replace("FOLDER", &scene.folder.path().display().to_string());
            let scene = scene.with("format = \"text\"", &fix).with("127.0.0.1:9464", "127.0.0.1:0");
            let sound = check(&scene.text, Whose::Own).unwrap_or_else(|error| panic!("{error}"));
            let (link, target) = (scene.folder.path().join(place), scene.folder.path().join("to"));
            let parent = link.parent().expect("a folder");
            if parent != scene.folder.path() {
                rutter_files::make_folder(parent).expect("made");
            }
            rutter_files::make_folder(&target).expect("made");
            symlink(&target, &link).expect("planted");
            let found = scene.findings();
            let is_it = |one: &Finding| one.key == key && one.reason.contains("symbolic link");
            assert!(found.iter().any(is_it), "{place}: {found:#?}");
            // The node would end at once.
            let stop = Arc::new(AtomicBool::new(true));
            let refused = run_until(&sound, &stop).expect_err(place).to_string();
            assert!(refused.contains("symbolic link"), "{place}: {refused}");
        }
    }

    #[test]
    fn a_definition_that_the_journal_has_otherwise_is_found_at_its_instrument() {
        let scene = Scene::new();
        let config = check(&scene.text, Whose::Own).expect("sound");
        let folder = config.node.data_dir.join("journal");
        std::fs::create_dir_all(&folder).expect("made");
        let inputs = boot::inputs(&config, &Known::default().names(&config)).expect("defined");
        let genesis = Genesis {
            orders_log2: 4,
            children_log2: 4,
            executions_log2: 4,
            ..boot::genesis(&config, 1)
        };
        let settings = rutter_journal::Config::new(rutter_journal::Durability::Process);
        let storage = FileStorage::create(&folder).expect("storage");
        let mut outputs: Vec<Output> = Vec::new();
        let (mut decider, _) =
            Decider::open(storage, settings, &genesis, 1, &mut outputs).expect("a journal");
        for input in &inputs {
            decider.decide(1, input, &mut outputs).expect("journaled");
        }
        decider.into_parts().1.close().expect("closed");
        // The same names, other limits and one more asset are no contradiction.
        let scene = scene.with("\"USDT\"]", "\"USDT\", \"SOL\"]").with("5000000", "6000000");
        scene.finds(&[]);
        let scene = scene.with("\nqty_decimals = 8", "\nqty_decimals = 9");
        scene.finds(&[(Fault::ContradictsJournal, "instrument.BTC/USDT")]);
    }
}
