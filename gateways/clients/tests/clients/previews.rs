//! A client asks what would become of an order (U3), and is told (U4).

use rutter_core::id::SessionId;
use rutter_core::input::{Input, NewOrder, Refusal};
use rutter_core::output::{ClientPreview, Output, Previewed};
use rutter_core::routing::Search;
use rutter_core::waiting::Waiting;

use crate::desk::{Desk, ORDER};

fn alpha() -> Desk {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA").published();
    desk
}

/// The question that the core is asked.
fn asked(desk: &mut Desk) -> NewOrder {
    match desk.published().as_slice() {
        [Input::Preview(order)] => *order,
        other => panic!("the core is asked {other:?}"),
    }
}

fn part(order: &NewOrder, part: Option<Previewed>) -> Output {
    let (session, client_seq) = (SessionId(0), order.client_seq);
    Output::ClientPreview(ClientPreview { session, client_seq, part, paid: 0 })
}

/// The core says that the order would wait for a venue, or why it would be refused.
fn answer(desk: &mut Desk, order: &NewOrder, refusal: Refusal) {
    let waits = if refusal == Refusal::None { Waiting::NoReference } else { Waiting::Nothing };
    let (given_back, search) = (Refusal::None, Search::default());
    let whole = Previewed::Order { refusal, given_back, waits, search };
    desk.output(&part(order, Some(whole))).output(&part(order, None));
}

#[test]
fn an_answer_names_the_question_and_what_would_become_of_the_order() {
    let mut desk = alpha();
    desk.send(1, &format!("35=U3|11=p1|{ORDER}"));
    let order = asked(&mut desk);
    answer(&mut desk, &order, Refusal::None);
    let waits = "14=0.0000|151=0.5000|20041=NoReference|20042=Y|";
    desk.saw_like(1, &[&format!("35=U4|34=2|11=p1|55=BTC/USDT|54=1|40=2|59=1|38=0.5000| {waits}")]);
    desk.send(1, &format!("35=U3|11=p2|{ORDER}"));
    let order = asked(&mut desk);
    answer(&mut desk, &order, Refusal::Halted);
    desk.saw_like(1, &["35=U4|34=3|11=p2| 103=2|58=Halted|"]);
}

#[test]
fn one_question_is_answered_at_a_time() {
    let mut desk = alpha();
    desk.send(1, &format!("35=U3|11=p1|{ORDER}"));
    let order = asked(&mut desk);
    desk.send(1, &format!("35=U3|11=p2|{ORDER}"));
    desk.saw_like(1, &["35=j| 58=PreviewBusy|372=U3| 380=4|"]);
    answer(&mut desk, &order, Refusal::Halted);
    desk.saw_like(1, &["35=U4| 11=p1| 58=Halted|"]);
    desk.send(1, &format!("35=U3|11=p3|{ORDER}"));
    asked(&mut desk);
}

#[test]
fn the_answer_to_a_client_that_is_gone_is_forgotten() {
    let mut desk = alpha();
    desk.send(1, &format!("35=U3|11=p1|{ORDER}"));
    let order = asked(&mut desk);
    desk.peer_closes(1).logon(2, "ALPHA").published();
    desk.seen(2);
    answer(&mut desk, &order, Refusal::Halted);
    assert_eq!(desk.seen(2), Vec::<String>::new());
    desk.send(2, &format!("35=U3|11=p2|{ORDER}"));
    let order = asked(&mut desk);
    answer(&mut desk, &order, Refusal::Halted);
    desk.saw_like(2, &["35=U4| 11=p2|"]);
}

#[test]
fn what_no_order_may_ask_for_is_refused_without_the_core() {
    let mut desk = alpha();
    desk.send(1, &format!("35=U3|11=p1|388=0|{ORDER}"));
    let terms = "55=BTC/USDT|54=1|40=2|59=1|38=0.5|44=60000.25|";
    desk.saw_like(1, &[&format!("35=U4|34=2|11=p1|{terms}103=11|58=UnsupportedField|")]);
    // An unknown instrument has no decimals: the terms are as the client wrote them.
    desk.send(1, &format!("35=U3|11=p1|{}", ORDER.replacen("BTC/USDT", "BTC/EUR", 1)));
    let terms = terms.replacen("BTC/USDT", "BTC/EUR", 1);
    desk.saw_like(1, &[&format!("35=U4|34=3|11=p1|{terms}103=1|58=UnknownSymbol|")]);
    desk.send(1, &format!("35=U3|11=p1|847=1010|848=speed=100|{ORDER}"));
    desk.saw_like(1, &["35=U4|34=4|11=p1|55=BTC/USDT|54=1|40=2|59=1|38=0.5|44=60000.25|103=11|58=UnsupportedStrategy|"]);
    desk.send(1, "35=U3|38=1|");
    desk.saw_like(1, &["35=3| 371=11| 373=1|"]);
    assert_eq!(desk.published(), []);
    desk.send(1, &format!("35=D|11=p1|{ORDER}"));
    assert!(matches!(desk.published().as_slice(), [Input::NewOrder(_)]), "the ClOrdID is free");
}
