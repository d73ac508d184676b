//! Published and recomputed frames of the dialect: what we write is theirs to the byte, what they
//! write is read.

use rutter_fix::codec::{FieldIndex, Status, decode};
use rutter_transport::machine::Event;

use super::harness::{Desk, config, field, frame, order};
use crate::binance::FIX_LINK;

/// Published by Binance; signature, body length and sum verified independently.
const LOGON: &str = "8=FIX.4.4|9=247|35=A|34=1|49=EXAMPLE|52=20240627-11:17:25.223|56=SPOT|95=88|\
    96=4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA==|\
    98=0|108=30|141=Y|553=sBRXrJx2DsOraMXOaUovEhgVRcjOvCtQwnWj8VxkOh1xqboS02SPGfKi2h8spZJb|\
    25035=2|10=227|";

/// Frames with right lengths and sums: published ones, and own ones built from the field tables.
const FRAMES: &[&str] = &[
    "8=FIX.4.4|9=113|35=A|34=1|49=SPOT|52=20240612-08:52:21.636837|56=5JQmUOsm|98=0|\
     108=30|25037=4392a152-3481-4499-921a-6d42c50702e2|10=051|",
    "8=FIX.4.4|9=55|35=5|34=3|49=GhQHzrLR|52=20240611-09:44:25.543|56=SPOT|10=249|",
    "8=FIX.4.4|9=84|35=5|34=4|49=SPOT|52=20240611-09:44:25.544001|56=GhQHzrLR|\
     58=Logout acknowledgment.|10=212|",
    "8=FIX.4.4|9=123|35=D|34=2|49=EXAMPLE|52=20240627-11:17:26.100|56=SPOT|25000=5000|\
     11=rt-000001|38=0.5|40=2|44=60000.00|54=1|55=BTCUSDT|59=1|10=225|",
    "8=FIX.4.4|9=323|35=8|34=2|49=SPOT|52=20240627-11:17:26.101250|56=EXAMPLE|\
     11=rt-000001|14=0.00000000|17=101|32=0.00000000|37=76|38=0.50000000|39=0|40=2|\
     44=60000.00000000|54=1|55=BTCUSDT|59=1|60=20240627-11:17:26.101000|150=0|\
     151=0.50000000|636=Y|1057=Y|25001=1|25017=0.00000000|25018=20240627-11:17:26.101000|\
     25023=20240627-11:17:26.101000|10=048|",
    "8=FIX.4.4|9=390|35=8|34=3|49=SPOT|52=20240627-11:17:26.200300|56=EXAMPLE|\
     11=rt-000001|14=0.20000000|17=102|31=60000.00000000|32=0.20000000|37=76|\
     38=0.50000000|39=1|40=2|44=60000.00000000|54=1|55=BTCUSDT|59=1|\
     60=20240627-11:17:26.200000|136=1|137=0.00020000|138=BTC|139=4|150=F|151=0.30000000|\
     636=Y|1003=9001|1057=N|25001=1|25017=12000.00000000|25018=20240627-11:17:26.101000|\
     25023=20240627-11:17:26.101000|10=153|",
    "8=FIX.4.4|9=335|35=8|34=4|49=SPOT|52=20240627-11:17:26.301400|56=EXAMPLE|\
     11=rt-000001-c|14=0.20000000|17=103|32=0.00000000|37=76|38=0.50000000|39=4|40=2|\
     41=rt-000001|44=60000.00000000|54=1|55=BTCUSDT|59=1|60=20240627-11:17:26.301000|\
     150=4|151=0.00000000|636=Y|25001=1|25017=12000.00000000|\
     25018=20240627-11:17:26.101000|25023=20240627-11:17:26.101000|10=003|",
    "8=FIX.4.4|9=280|35=8|34=5|49=SPOT|52=20240627-11:17:26.401400|56=EXAMPLE|\
     11=rt-000002|14=0.00000000|32=0.00000000|38=0.50000000|39=8|40=2|44=60000.00000000|\
     54=1|55=BTCUSDT|59=1|60=20240627-11:17:26.401000|150=8|151=0.00000000|25016=-2010|\
     58=Account has insufficient balance for requested action.|10=033|",
    "8=FIX.4.4|9=390|35=8|34=5|49=SPOT|52=20240627-11:17:27.300300|56=EXAMPLE|\
     11=rt-000001|14=0.50000000|17=104|31=60000.00000000|32=0.30000000|37=76|\
     38=0.50000000|39=2|40=2|44=60000.00000000|54=1|55=BTCUSDT|59=1|\
     60=20240627-11:17:27.300000|136=1|137=0.00030000|138=BTC|139=4|150=F|151=0.00000000|\
     636=Y|1003=9002|1057=N|25001=1|25017=30000.00000000|25018=20240627-11:17:26.101000|\
     25023=20240627-11:17:26.101000|10=165|",
    "8=FIX.4.4|9=287|35=8|34=6|49=SPOT|52=20240627-11:17:27.101250|56=EXAMPLE|\
     11=rt-000005|14=0.00000000|17=105|32=0.00000000|37=78|38=0.50000000|39=C|40=2|\
     44=60000.00000000|54=1|55=BTCUSDT|59=3|60=20240627-11:17:27.101000|150=C|\
     151=0.00000000|25001=1|25017=0.00000000|25018=20240627-11:17:27.101000|25056=5|\
     10=084|",
    "8=FIX.4.4|9=331|35=8|34=7|49=SPOT|52=20240627-11:17:28.101250|56=EXAMPLE|\
     11=rt-000006-a|14=0.00000000|17=106|32=0.00000000|37=79|38=0.40000000|39=0|40=2|\
     44=60000.00000000|54=1|55=BTCUSDT|41=rt-000006|59=1|60=20240627-11:17:28.101000|\
     150=5|151=0.40000000|636=Y|25001=1|25017=0.00000000|25018=20240627-11:17:27.101000|\
     25023=20240627-11:17:27.101000|10=080|",
    "8=FIX.4.4|9=143|35=XCN|34=5|49=EXAMPLE|52=20240627-11:17:27.753|56=SPOT|\
     11=rt-000004|37=76|38=0.4|40=2|44=59990|54=1|55=BTCUSDT|59=1|25033=1|\
     25034=rt-000001-c|10=175|",
    "8=FIX.4.4|9=86|35=F|34=3|49=EXAMPLE|52=20240627-11:17:26.300|56=SPOT|11=rt-000001-c|\
     37=76|55=BTCUSDT|10=122|",
    "8=FIX.4.4|9=130|35=9|34=6|49=SPOT|52=20240627-11:17:26.501400|56=EXAMPLE|\
     11=rt-000003-c|37=77|55=BTCUSDT|434=1|25016=-2011|58=Unknown order sent.|10=070|",
    "8=FIX.4.4|9=79|35=q|34=4|49=EXAMPLE|52=20240627-11:17:26.700|56=SPOT|11=mc-1|\
     55=BTCUSDT|530=1|10=008|",
    "8=FIX.4.4|9=94|35=r|34=9|49=SPOT|52=20240627-11:17:26.701400|56=EXAMPLE|11=mc-1|\
     55=BTCUSDT|530=1|531=1|533=2|10=179|",
    "8=FIX.4.4|9=132|35=3|34=7|49=SPOT|52=20240627-11:17:26.601400|56=EXAMPLE|45=5|\
     371=44|372=D|373=5|25016=-1102|58=Field value was empty or malformed.|10=245|",
    "8=FIX.4.4|9=103|35=XAK|34=2|49=EXAMPLE|52=20250319-12:35:21.087|56=SPOT|\
     11=O2EIAS01742387721086|37=0|38=0.9|55=BTCUSDT|10=254|",
    "8=FIX.4.4|9=225|35=XLR|34=2|49=SPOT|52=20240614-05:42:42.724057|56=uGnG0ef8|\
     6136=1718343762723730315|25003=3|25004=2|25005=1|25006=1000|25007=10|25008=s|\
     25004=1|25005=0|25006=200|25007=10|25008=s|25004=1|25005=0|25006=200000|25007=1|\
     25008=d|10=241|",
    "8=FIX.4.4|9=118|35=V|34=2|49=MDSESS|52=20240627-11:17:26.100|56=SPOT|262=DEPTH1|\
     263=1|264=10|266=Y|146=1|55=BTCUSDT|267=2|269=0|269=1|10=045|",
    "8=FIX.4.4|9=174|35=W|34=2|49=SPOT|52=20240627-11:17:26.101250|56=MDSESS|262=DEPTH1|\
     55=BTCUSDT|25044=160|268=2|269=0|270=59999.90000000|271=1.50000000|269=1|\
     270=60000.10000000|271=0.70000000|10=181|",
    "8=FIX.4.4|9=181|35=X|34=3|49=SPOT|52=20240627-11:17:26.201250|56=MDSESS|262=DEPTH1|\
     268=2|279=1|270=59999.90000000|271=1.10000000|269=0|55=BTCUSDT|25043=161|25044=163|\
     279=2|270=60000.10000000|269=1|10=239|",
];

fn decodes(text: &str) -> bool {
    let bytes = text.replace('|', "\x01").into_bytes();
    let mut index = FieldIndex::new();
    decode(&bytes, &mut index) == Ok(Status::Complete { consumed: bytes.len() })
}

#[test]
fn every_verified_frame_is_read_and_no_spoilt_one() {
    for text in FRAMES.iter().chain([&LOGON]) {
        assert!(decodes(text), "{text}");
        let spoilt = text.replacen("35=", "35=z", 1);
        assert!(!decodes(&spoilt), "{spoilt}");
    }
}

/// Our way of building the venue's messages in these tests gives the verified bytes, too.
#[test]
fn the_tests_frame_as_the_venue_does() {
    for text in FRAMES {
        let (_, rest) = text.split_once("|35=").expect("35");
        let (body, _) = rest.rsplit_once("10=").expect("10");
        assert_eq!(frame(&format!("35={body}")), text.replace('|', "\x01").into_bytes());
    }
}

#[test]
fn the_published_logon_is_written_to_the_byte() {
    let mut desk = Desk::new();
    desk.connect();
    assert_eq!(desk.sent, [LOGON]);
}

/// The own `D` frame of the field tables, with our id and window instead of the sample's.
#[test]
fn a_new_order_is_written_to_the_byte() {
    let mut desk = Desk::up();
    desk.now += 877_000_000;
    desk.command(&crate::VenueCommand::New(order(0x2f)));
    let sample = FRAMES.iter().find(|text| text.contains("|35=D|")).expect("the sample");
    let (_, rest) = sample.split_once("|35=").expect("35");
    let (body, _) = rest.rsplit_once("10=").expect("10");
    let body = body.replace("25000=5000", "25000=25000").replace("rt-000001", "r000000ab-2f");
    let expected = frame(&format!("35={body}"));
    assert_eq!(desk.sent, [String::from_utf8_lossy(&expected).replace('\x01', "|")]);
}

/// Ids of other journals and of hand-placed orders are none of our business.
#[test]
fn reports_of_the_samples_are_not_ours_and_are_only_counted() {
    let mut desk = Desk::up();
    let mut reports = 0;
    for text in FRAMES.iter().filter(|text| field(text, "35") == "8") {
        let (_, rest) = text.split_once("|11=").expect("11");
        let (body, _) = rest.rsplit_once("10=").expect("10");
        desk.venue(&format!("35=8|11={body}"));
        reports += 1;
    }
    desk.saw(&[]);
    assert!(reports >= 6);
    assert_eq!(desk.machine.counters().not_ours, reports);
}

/// The server may pad `BodyLength` with zeros, and a stream may be cut anywhere.
#[test]
fn padded_and_cut_logons_are_understood() {
    let mut desk = Desk::new();
    desk.connect();
    let body = "35=A\x0134=1\x0149=SPOT\x0152=20240612-08:52:21.636837\x0156=EXAMPLE\x01\
                98=0\x01108=30\x0125037=4392a152-3481-4499-921a-6d42c50702e2\x01";
    let head = format!("8=FIX.4.4\x019={:07}\x01{body}", body.len());
    let sum = rutter_fix::codec::checksum(head.as_bytes());
    let text = format!("{head}10={sum:03}\x01");
    for byte in text.as_bytes() {
        assert!(desk.requests.is_empty());
        desk.event(Event::Bytes(FIX_LINK, &[*byte]));
    }
    assert_eq!(desk.requests.len(), 1, "logged on: reconciles");
}

#[test]
fn settings_that_the_venue_would_refuse_are_refused() {
    use crate::binance::{BinanceConfig, BinanceOrders, ConfigError};
    use crate::signing::KeyError;
    use rutter_transport::secret::Secret;
    let refused = |change: fn(&mut BinanceConfig)| {
        let mut config = config();
        change(&mut config);
        BinanceOrders::new(config).err()
    };
    assert_eq!(refused(|_| {}), None);
    let long = refused(|c| c.sender_comp_id = "TOOLONGID".to_owned());
    assert_eq!(long, Some(ConfigError::CompId("TOOLONGID".to_owned())));
    assert_eq!(refused(|c| c.heartbeat_s = 4), Some(ConfigError::Heartbeat(4)));
    assert_eq!(refused(|c| c.recv_window_ms = 60_001), Some(ConfigError::RecvWindow(60_001)));
    assert_eq!(refused(|c| c.api_key = Secret::from("a\x01b")), Some(ConfigError::ApiKey));
    assert_eq!(refused(|c| c.assets.clear()), Some(ConfigError::NoAssets));
    let key = refused(|c| c.private_key = Secret::from("x"));
    assert_eq!(key, Some(ConfigError::Key(KeyError::NotPem)));
    let symbol = refused(|c| c.listings[0].symbol = "A|B".to_owned());
    assert_eq!(symbol, Some(ConfigError::Symbol("A|B".to_owned())));
}

#[test]
fn no_secret_is_printed() {
    let text = format!("{:?}", Desk::new().machine);
    assert!(!text.contains(super::harness::API_KEY) && !text.contains("MC4CAQ"), "{text}");
}
