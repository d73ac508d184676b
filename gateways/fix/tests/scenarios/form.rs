//! The form of messages: the order of fields, fields that come twice, times of any precision.

use crate::desk::{Desk, START, frame, logon, memory, time_text};
use rutter_fix::dictionary::{Checks, Version};
use rutter_fix::session::{Config, GARBLED_MAX, NoCredentials, Validation};
use rutter_fix::store::MemStore;

type Plain = Desk<MemStore, NoCredentials>;

fn acceptor() -> Config {
    Config::acceptor("RUTTER", "CLIENT")
}

fn logged_on(config: Config) -> Plain {
    let mut desk = Desk::new(config, memory(), NoCredentials);
    desk.connect().gets(&logon(1)).wrote();
    desk.events.clear();
    desk
}

fn with_checks(change: impl FnOnce(&mut Checks)) -> Config {
    let mut config = acceptor().validated(Version::Fix44);
    let mut checks = Checks::default();
    change(&mut checks);
    config.validation = config.validation.map(|all| Validation { checks, ..all });
    config
}

/// Header fields behind the body, also those that the session needs.
#[test]
fn a_header_field_behind_the_body_is_tolerated_where_nobody_checks_the_order() {
    let now = time_text(START);
    let late = format!("35=1|112=t|34=2|49=CLIENT|52={now}|56=RUTTER|57=desk|");
    let strict = Config { check_field_order: true, ..acceptor() };
    let reject = "35=3|34=2|45=2|58=Tag specified out of required order|371=34|372=1|373=14|";
    for (config, answer) in [
        (acceptor(), "35=0|34=2|112=t|"),
        (with_checks(|checks| checks.order = false), "35=0|34=2|112=t|"),
        (strict, reject),
        (with_checks(|_| {}), reject),
    ] {
        logged_on(config).gets_raw(&late).says([answer]);
    }
}

/// What is tolerated hides nothing that is not.
#[test]
fn a_tolerated_order_does_not_hide_another_defect() {
    let mut desk = logged_on(acceptor());
    desk.gets("35=0|34=2|58=x|57=y|112=|");
    desk.says(["35=3|34=2|45=2|58=Tag specified without a value|371=112|372=0|373=4|"]);
    desk.gets("35=0|34=3|58=x|57=y|8=FIX.4.4|");
    desk.says(["35=3|34=3|45=3|58=Tag specified out of required order|371=8|372=0|373=14|"]);
    let empty = logged_on(with_checks(|checks| checks.empty_values = false));
    let mut desk = empty;
    desk.gets("35=0|34=2|112=|57=y|");
    desk.says(["35=3|34=2|45=2|58=Tag specified out of required order|371=57|372=0|373=14|"]);
}

#[test]
fn a_header_field_that_comes_twice_is_rejected_in_every_session_and_the_first_number_counts() {
    let now = time_text(START);
    for config in [acceptor(), with_checks(|_| {}), with_checks(|checks| checks.order = false)] {
        let mut desk = logged_on(config);
        for (seq, twice, tag) in
            [(2, "34=9|", 34), (3, "49=OTHER|", 49), (4, "56=OTHER|", 56), (5, "52=x|", 52)]
        {
            desk.gets_raw(&format!("35=0|34={seq}|49=CLIENT|52={now}|56=RUTTER|{twice}"));
            desk.says([&format!(
                "35=3|34={seq}|45={seq}|58=Tag appears more than once|371={tag}|372=0|373=13|"
            )]);
        }
        desk.gets("35=1|34=6|112=on|").says(["35=0|34=6|112=on|"]);
    }
}

#[test]
fn a_gap_fill_flag_that_is_none_resets_nothing() {
    for config in [acceptor(), with_checks(|_| {})] {
        let mut desk = logged_on(config);
        desk.gets("35=4|34=2|36=50|123=X|");
        desk.says(["35=3|34=2|45=2|58=Incorrect data format for value|371=123|372=4|373=6|"]);
        assert_eq!(desk.session.next_in(), 3);
        desk.gets("35=4|34=9|36=50|123=|");
        desk.says(["35=3|34=3|45=9|58=Tag specified without a value|371=123|372=4|373=4|"]);
        assert_eq!(desk.session.next_in(), 3);
    }
}

#[test]
fn the_64th_garbled_stretch_in_a_row_ends_the_connection() {
    let mut desk = logged_on(acceptor());
    for count in 1..=GARBLED_MAX {
        assert!(desk.session.is_logged_on(), "{count}");
        desk.bytes(b"x");
    }
    assert_eq!(GARBLED_MAX, 64);
    assert_eq!(desk.events.last().map(String::as_str), Some("gone: too much garbage"));
}

#[test]
fn times_with_0_to_12_decimals_are_read_in_every_version_also_at_the_logon() {
    for version in Version::ALL {
        for decimals in 0..=13 {
            let digits = "123456789012345";
            let time = match decimals {
                0 => "20240627-11:17:26".to_owned(),
                count => format!("20240627-11:17:26.{}", &digits[..count]),
            };
            let more = if version == Version::Fix50Sp2 { "1137=9|" } else { "" };
            let body = format!("35=A|34=1|49=CLIENT|52={time}|56=RUTTER|98=0|108=30|{more}");
            let mut desk = Desk::new(acceptor().validated(version), memory(), NoCredentials);
            desk.connect().bytes(&frame(version.begin_string(), &body));
            assert_eq!(desk.session.is_logged_on(), decimals <= 12, "{version:?} {time}");
        }
    }
}
