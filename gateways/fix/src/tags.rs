//! Tag numbers and message types by name, and the classes of tags that framing needs to know.
//!
//! A line belongs here if it is a tag or value of the FIX specification (FIX 4.4 volume 6, field
//! dictionary) that several modules use.

macro_rules! tags {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        $(#[doc = concat!("Tag ", stringify!($number), ": ", $text, ".")]
        pub const $name: u32 = $number;)*
    };
}

tags! {
    ACCOUNT = 1, "Account";
    AVG_PX = 6, "AvgPx";
    BEGIN_SEQ_NO = 7, "BeginSeqNo";
    BEGIN_STRING = 8, "BeginString";
    BODY_LENGTH = 9, "BodyLength";
    CHECK_SUM = 10, "CheckSum";
    CL_ORD_ID = 11, "ClOrdID";
    COMMISSION = 12, "Commission";
    COMM_TYPE = 13, "CommType";
    CUM_QTY = 14, "CumQty";
    END_SEQ_NO = 16, "EndSeqNo";
    EXEC_ID = 17, "ExecID";
    EXEC_INST = 18, "ExecInst";
    EXEC_TRANS_TYPE = 20, "ExecTransType";
    HANDL_INST = 21, "HandlInst";
    LAST_MKT = 30, "LastMkt";
    LAST_PX = 31, "LastPx";
    LAST_QTY = 32, "LastQty";
    MSG_SEQ_NUM = 34, "MsgSeqNum";
    MSG_TYPE = 35, "MsgType";
    NEW_SEQ_NO = 36, "NewSeqNo";
    ORDER_ID = 37, "OrderID";
    ORDER_QTY = 38, "OrderQty";
    ORD_STATUS = 39, "OrdStatus";
    ORD_TYPE = 40, "OrdType";
    ORIG_CL_ORD_ID = 41, "OrigClOrdID";
    POSS_DUP_FLAG = 43, "PossDupFlag";
    PRICE = 44, "Price";
    REF_SEQ_NUM = 45, "RefSeqNum";
    SENDER_COMP_ID = 49, "SenderCompID";
    SENDER_SUB_ID = 50, "SenderSubID";
    SENDING_TIME = 52, "SendingTime";
    SIDE = 54, "Side";
    SYMBOL = 55, "Symbol";
    TARGET_COMP_ID = 56, "TargetCompID";
    TARGET_SUB_ID = 57, "TargetSubID";
    TEXT = 58, "Text";
    TIME_IN_FORCE = 59, "TimeInForce";
    TRANSACT_TIME = 60, "TransactTime";
    SIGNATURE = 89, "Signature";
    SECURE_DATA_LEN = 90, "SecureDataLen";
    SECURE_DATA = 91, "SecureData";
    SIGNATURE_LENGTH = 93, "SignatureLength";
    RAW_DATA_LENGTH = 95, "RawDataLength";
    RAW_DATA = 96, "RawData";
    POSS_RESEND = 97, "PossResend";
    ENCRYPT_METHOD = 98, "EncryptMethod";
    STOP_PX = 99, "StopPx";
    EX_DESTINATION = 100, "ExDestination";
    CXL_REJ_REASON = 102, "CxlRejReason";
    ORD_REJ_REASON = 103, "OrdRejReason";
    HEART_BT_INT = 108, "HeartBtInt";
    MIN_QTY = 110, "MinQty";
    MAX_FLOOR = 111, "MaxFloor";
    TEST_REQ_ID = 112, "TestReqID";
    ON_BEHALF_OF_COMP_ID = 115, "OnBehalfOfCompID";
    ON_BEHALF_OF_SUB_ID = 116, "OnBehalfOfSubID";
    ORIG_SENDING_TIME = 122, "OrigSendingTime";
    GAP_FILL_FLAG = 123, "GapFillFlag";
    EXPIRE_TIME = 126, "ExpireTime";
    DELIVER_TO_COMP_ID = 128, "DeliverToCompID";
    DELIVER_TO_SUB_ID = 129, "DeliverToSubID";
    NO_MISC_FEES = 136, "NoMiscFees";
    MISC_FEE_AMT = 137, "MiscFeeAmt";
    MISC_FEE_CURR = 138, "MiscFeeCurr";
    MISC_FEE_TYPE = 139, "MiscFeeType";
    RESET_SEQ_NUM_FLAG = 141, "ResetSeqNumFlag";
    ON_BEHALF_OF_LOCATION_ID = 144, "OnBehalfOfLocationID";
    DELIVER_TO_LOCATION_ID = 145, "DeliverToLocationID";
    NO_RELATED_SYM = 146, "NoRelatedSym";
    HEADLINE = 148, "Headline";
    EXEC_TYPE = 150, "ExecType";
    LEAVES_QTY = 151, "LeavesQty";
    CASH_ORDER_QTY = 152, "CashOrderQty";
    EFFECTIVE_TIME = 168, "EffectiveTime";
    SECONDARY_ORDER_ID = 198, "SecondaryOrderID";
    MAX_SHOW = 210, "MaxShow";
    PEG_OFFSET_VALUE = 211, "PegOffsetValue";
    MD_REQ_ID = 262, "MDReqID";
    NO_MD_ENTRIES = 268, "NoMDEntries";
    MD_ENTRY_TYPE = 269, "MDEntryType";
    MD_ENTRY_PX = 270, "MDEntryPx";
    MD_ENTRY_SIZE = 271, "MDEntrySize";
    ENCODED_TEXT_LEN = 354, "EncodedTextLen";
    ENCODED_TEXT = 355, "EncodedText";
    LAST_MSG_SEQ_NUM_PROCESSED = 369, "LastMsgSeqNumProcessed";
    REF_TAG_ID = 371, "RefTagID";
    REF_MSG_TYPE = 372, "RefMsgType";
    SESSION_REJECT_REASON = 373, "SessionRejectReason";
    EXEC_RESTATEMENT_REASON = 378, "ExecRestatementReason";
    BUSINESS_REJECT_REF_ID = 379, "BusinessRejectRefID";
    BUSINESS_REJECT_REASON = 380, "BusinessRejectReason";
    DISCRETION_INST = 388, "DiscretionInst";
    EXPIRE_DATE = 432, "ExpireDate";
    CXL_REJ_RESPONSE_TO = 434, "CxlRejResponseTo";
    COMM_CURRENCY = 479, "CommCurrency";
    SECONDARY_CL_ORD_ID = 526, "SecondaryClOrdID";
    SECONDARY_EXEC_ID = 527, "SecondaryExecID";
    MASS_CANCEL_REQUEST_TYPE = 530, "MassCancelRequestType";
    MASS_CANCEL_RESPONSE = 531, "MassCancelResponse";
    MASS_CANCEL_REJECT_REASON = 532, "MassCancelRejectReason";
    TOTAL_AFFECTED_ORDERS = 533, "TotalAffectedOrders";
    USERNAME = 553, "Username";
    PASSWORD = 554, "Password";
    MASS_STATUS_REQ_ID = 584, "MassStatusReqID";
    MASS_STATUS_REQ_TYPE = 585, "MassStatusReqType";
    LAST_FRAGMENT = 893, "LastFragment";
    NEXT_EXPECTED_MSG_SEQ_NUM = 789, "NextExpectedMsgSeqNum";
    ORD_STATUS_REQ_ID = 790, "OrdStatusReqID";
    COPY_MSG_INDICATOR = 797, "CopyMsgIndicator";
    TARGET_STRATEGY = 847, "TargetStrategy";
    TARGET_STRATEGY_PARAMETERS = 848, "TargetStrategyParameters";
    LAST_LIQUIDITY_IND = 851, "LastLiquidityInd";
    TOT_NUM_REPORTS = 911, "TotNumReports";
    LAST_RPT_REQUESTED = 912, "LastRptRequested";
    NO_STRATEGY_PARAMETERS = 957, "NoStrategyParameters";
    STRATEGY_PARAMETER_NAME = 958, "StrategyParameterName";
    STRATEGY_PARAMETER_VALUE = 960, "StrategyParameterValue";
    AGGRESSOR_INDICATOR = 1057, "AggressorIndicator";
    APPL_VER_ID = 1128, "ApplVerID";
    DEFAULT_APPL_VER_ID = 1137, "DefaultApplVerID";
    DISPLAY_QTY = 1138, "DisplayQty";
    MASS_ACTION_REPORT_ID = 1369, "MassActionReportID";
    CANCEL_ON_DISCONNECT = 20_001, "CancelOnDisconnect (Y or N; our own)";
    CANCEL_ON_DISCONNECT_GRACE = 20_002, "CancelOnDisconnectGrace (seconds; our own)";
    ORIGINAL_COMP_ID = 20_010, "OriginalCompID of a drop copy (our own)";
    HISTORY_REQ_ID = 20_020, "HistoryReqID (our own)";
    HISTORY_FROM = 20_021, "HistoryFrom, a time (our own)";
    HISTORY_UPTO = 20_022, "HistoryUpto, a time (our own)";
    ORIGINAL_MSG_SEQ_NUM = 20_023, "OriginalMsgSeqNum of a message told again (our own)";
    ORIGINAL_TIME = 20_024, "OriginalTime of a message told again (our own)";
    HISTORY_COUNT = 20_025, "HistoryCount (our own)";
    HISTORY_DAMAGED = 20_026, "HistoryDamaged (our own)";
    PASSPORT_JOURNAL_SEQ = 20_030, "PassportJournalSeq (our own)";
    PASSPORT_ARRIVED = 20_031, "PassportArrived, a time (our own)";
    PASSPORT_DECIDED = 20_032, "PassportDecided, a time (our own)";
    AVG_PX_ALL_IN = 20_040, "AvgPxAllIn of a preview (our own)";
    LEFT_WHY = 20_041, "LeftWhy, a word of a preview (our own)";
    LEFT_WAITS = 20_042, "LeftWaits of a preview (our own)";
    NO_PREVIEW_VENUES = 20_043, "NoPreviewVenues (our own)";
    PREVIEW_VENUE = 20_044, "PreviewVenue (our own)";
    PREVIEW_VERDICT = 20_045, "PreviewVerdict (our own)";
    PREVIEW_TAKE_QTY = 20_046, "PreviewTakeQty (our own)";
    PREVIEW_TAKE_PX = 20_047, "PreviewTakePx (our own)";
    PREVIEW_SHOWN_QTY = 20_048, "PreviewShownQty (our own)";
    PREVIEW_REST_QTY = 20_049, "PreviewRestQty (our own)";
    PREVIEW_REST_PX = 20_050, "PreviewRestPx (our own)";
    PREVIEW_BEST_PX = 20_051, "PreviewBestPx (our own)";
    PREVIEW_BEST_PX_ALL_IN = 20_052, "PreviewBestPxAllIn (our own)";
}

/// Message types (values of tag 35).
pub mod msg_type {
    /// Heartbeat.
    pub const HEARTBEAT: &[u8] = b"0";
    /// `TestRequest`.
    pub const TEST_REQUEST: &[u8] = b"1";
    /// `ResendRequest`.
    pub const RESEND_REQUEST: &[u8] = b"2";
    /// Reject (of the session level).
    pub const REJECT: &[u8] = b"3";
    /// `SequenceReset`.
    pub const SEQUENCE_RESET: &[u8] = b"4";
    /// Logout.
    pub const LOGOUT: &[u8] = b"5";
    /// `OrderMassStatusRequest`.
    pub const ORDER_MASS_STATUS_REQUEST: &[u8] = b"AF";
    /// `ExecutionReport`.
    pub const EXECUTION_REPORT: &[u8] = b"8";
    /// `OrderCancelReject`.
    pub const ORDER_CANCEL_REJECT: &[u8] = b"9";
    /// Logon.
    pub const LOGON: &[u8] = b"A";
    /// News.
    pub const NEWS: &[u8] = b"B";
    /// `NewOrderSingle`.
    pub const NEW_ORDER_SINGLE: &[u8] = b"D";
    /// `OrderCancelRequest`.
    pub const ORDER_CANCEL_REQUEST: &[u8] = b"F";
    /// `OrderCancelReplaceRequest`.
    pub const ORDER_CANCEL_REPLACE_REQUEST: &[u8] = b"G";
    /// `OrderStatusRequest`.
    pub const ORDER_STATUS_REQUEST: &[u8] = b"H";
    /// `SecurityDefinition`.
    pub const SECURITY_DEFINITION: &[u8] = b"d";
    /// `BusinessMessageReject`.
    pub const BUSINESS_MESSAGE_REJECT: &[u8] = b"j";
    /// `OrderMassCancelRequest`.
    pub const ORDER_MASS_CANCEL_REQUEST: &[u8] = b"q";
    /// `HistoryRequest` (our own).
    pub const HISTORY_REQUEST: &[u8] = b"U1";
    /// `HistoryEnd` (our own).
    pub const HISTORY_END: &[u8] = b"U2";
    /// `RoutePreviewRequest` (our own).
    pub const PREVIEW_REQUEST: &[u8] = b"U3";
    /// `RoutePreview` (our own).
    pub const PREVIEW: &[u8] = b"U4";
    /// `OrderMassCancelReport`.
    pub const ORDER_MASS_CANCEL_REPORT: &[u8] = b"r";

    /// Messages that refuse another message (FIX 4.4 volumes 2 to 4; Q and AG from FIX 4.2 and 4.3
    /// on), with their names.
    const REFUSALS: [(&[u8], &str); 6] = [
        (REJECT, "Reject"),
        (ORDER_CANCEL_REJECT, "OrderCancelReject"),
        (BUSINESS_MESSAGE_REJECT, "BusinessMessageReject"),
        (b"Q", "DontKnowTrade"),
        (b"Y", "MarketDataRequestReject"),
        (b"AG", "QuoteRequestReject"),
    ];

    /// The name of a type whose messages refuse another message; `None` for other types. A refusal
    /// is never answered, so that two engines cannot answer each other's refusals for ever.
    pub fn refusal_name(msg_type: &[u8]) -> Option<&'static str> {
        REFUSALS.iter().find(|(kind, _)| *kind == msg_type).map(|(_, name)| *name)
    }

    /// Whether messages of this type refuse another message; see [`refusal_name`].
    pub fn is_refusal(msg_type: &[u8]) -> bool {
        refusal_name(msg_type).is_some()
    }

    /// Whether the session layer itself handles this type (FIX 4.4 volume 2, administrative
    /// messages). XML messages and everything else are the application's.
    pub const fn is_admin(msg_type: &[u8]) -> bool {
        matches!(msg_type, [b'0'..=b'5' | b'A'])
    }
}

/// What framing must know about a tag; bits of [`class`].
pub(crate) mod class_bit {
    /// Belongs to the standard header.
    pub const HEADER: u8 = 1;
    /// Belongs to the standard trailer.
    pub const TRAILER: u8 = 2;
    /// Tells the length in bytes of the data field that follows.
    pub const LENGTH: u8 = 4;
}

const CLASSES: usize = 1664;

/// Tags of the standard header (FIX 4.4 volume 2; FIXT 1.1 for 1128, 1129 and 1156).
const HEADER: &[u32] = &[
    8, 9, 34, 35, 43, 49, 50, 52, 56, 57, 90, 91, 97, 115, 116, 122, 128, 129, 142, 143, 144, 145,
    212, 213, 347, 369, 370, 627, 628, 629, 630, 1128, 1129, 1156,
];

/// Length field and the data field it measures (FIX 4.4 volume 6 and FIX 5.0 SP2).
const DATA: &[(u32, u32)] = &[
    (90, 91),
    (93, 89),
    (95, 96),
    (212, 213),
    (348, 349),
    (350, 351),
    (352, 353),
    (354, 355),
    (356, 357),
    (358, 359),
    (360, 361),
    (362, 363),
    (364, 365),
    (445, 446),
    (618, 619),
    (621, 622),
    (1184, 1185),
    (1277, 1278),
    (1280, 1281),
    (1282, 1283),
    (1397, 1398),
    (1401, 1402),
    (1403, 1404),
    (1468, 1469),
    (1525, 1527),
    (1621, 1622),
];

static CLASS: [u8; CLASSES] = {
    let mut table = [0; CLASSES];
    let mut i = 0;
    while i < HEADER.len() {
        table[HEADER[i] as usize] |= class_bit::HEADER;
        i += 1;
    }
    table[10] |= class_bit::TRAILER;
    table[89] |= class_bit::TRAILER;
    table[93] |= class_bit::TRAILER;
    i = 0;
    while i < DATA.len() {
        table[DATA[i].0 as usize] |= class_bit::LENGTH;
        i += 1;
    }
    table
};

/// The [`class_bit`]s of a tag; zero for everything in a body.
pub(crate) fn class(tag: u32) -> u8 {
    CLASS.get(tag as usize).copied().unwrap_or(0)
}

/// The data field whose bytes the length field `tag` counts.
pub(crate) fn data_tag_of(tag: u32) -> Option<u32> {
    DATA.iter().find(|(length, _)| *length == tag).map(|(_, data)| *data)
}
