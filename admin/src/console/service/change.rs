//! What each change asks of the core.
//!
//! A line belongs here if it turns names into one [`OperatorCommand`], and says what the command
//! would do. Nothing is sent from here.

use rutter_core::id::{AccountId, ChildId, OrderId};
use rutter_core::input::{
    AccountLimits, LIMITS, NodeCommand, OperatorCommand, Resolution, Scope, SessionCommand,
};
use rutter_core::number::{Price, Qty};

use super::super::extend::Extender;
use super::super::frame::{Code, Failure};
use super::super::verb::{Change, LimitsGiven, OrderArg, ScopeName, bad_argument, units_of};
use super::understood::Understood;
use super::{
    ConsoleService, account_id, scope_of, session_id, unknown, unknown_order, value, venue_id,
};

impl ConsoleService {
    pub(super) fn understand(&self, change: &Change) -> Result<Understood, Failure> {
        match change {
            Change::Halt { scope } => self.halt(scope),
            Change::Resume { scope, .. } => self.resume(scope),
            Change::ReduceOnly { on, scope } => self.reduce_only(*on, scope),
            Change::VenueDrain { venue } => {
                let id = venue_id(&self.node.model(), venue)?;
                Ok(Understood::plain(OperatorCommand::DrainVenue(id), format!("drain {venue}")))
            }
            Change::VenueEnable { venue } => {
                let id = venue_id(&self.node.model(), venue)?;
                Ok(Understood::plain(OperatorCommand::EnableVenue(id), format!("enable {venue}")))
            }
            Change::Cancel { order } => self.cancel(order),
            Change::CancelAll { scope } => self.cancel_all(scope),
            Change::Resolve { child, filled, price } => {
                self.resolve(*child, filled, price.as_deref())
            }
            Change::BridgeKeep { exposure } => self.bridge_keep(*exposure),
            Change::LimitsSet { account, limits } => self.limits_set(account, limits),
            Change::SessionLogout { session } => self.session(session, SessionCommand::Logout),
            Change::SessionDisconnect { session } => {
                self.session(session, SessionCommand::Disconnect)
            }
            Change::SessionDisable { session } => self.session(session, SessionCommand::Disable),
            Change::SessionEnable { session } => self.session(session, SessionCommand::Enable),
            Change::SessionResetSeq { session } => {
                self.session(session, SessionCommand::ResetSequence)
            }
            Change::LockoutLift { session, codes } => self.lockout_lift(session.as_deref(), *codes),
            Change::Reload {} => self.reload(),
            Change::News {} => {
                Ok(Understood::node(NodeCommand::News, "tell all clients the reason"))
            }
            Change::LogLevel { level } => {
                let would = format!("log {} and worse", level.word);
                Ok(Understood::node(level.command, would))
            }
            Change::Shutdown { cancel_orders } => Ok(self.shutdown(*cancel_orders)),
        }
    }

    fn halt(&self, name: &ScopeName) -> Result<Understood, Failure> {
        let model = self.node.model();
        let scope = scope_of(&model, name)?;
        let open = model.open_in(scope);
        // A halted venue gives its children back; their orders go on at other venues.
        let affected = if matches!(scope, Scope::Venue(_)) { open.children } else { open.orders };
        let plain =
            Understood::plain(OperatorCommand::Halt(scope), format!("halt {}", name.words()));
        Ok(Understood { affected, ..plain })
    }

    fn resume(&self, name: &ScopeName) -> Result<Understood, Failure> {
        let model = self.node.model();
        let scope = scope_of(&model, name)?;
        let words = name.words();
        if !model.is_halted(scope) {
            let halts = model.status().halts;
            let others = halts.len();
            let message = format!("nothing to resume: no halt of {words} ({others} others are on)");
            return Err(Failure::new(Code::NotHalted, message).with("halts", value(halts)));
        }
        Ok(Understood::plain(OperatorCommand::Resume(scope), format!("resume {words}")))
    }

    fn reduce_only(&self, on: bool, name: &ScopeName) -> Result<Understood, Failure> {
        let scope = scope_of(&self.node.model(), name)?;
        let words = name.words();
        if !on {
            let would = format!("not only reduce in {words}");
            return Ok(Understood::plain(OperatorCommand::ReduceOnlyOff(scope), would));
        }
        let _one_at_a_time = self.long_look();
        let affected = self.node.model().raising_in(scope);
        let would = format!("only reduce in {words}");
        Ok(Understood { affected, ..Understood::plain(OperatorCommand::ReduceOnly(scope), would) })
    }

    fn cancel(&self, name: &OrderArg) -> Result<Understood, Failure> {
        let id = self.order_named(name)?;
        // What the read model has forgotten, the core has forgotten too.
        let is_open = self.node.model().is_open(id).ok_or_else(|| unknown_order(name))?;
        let OrderId(number) = id;
        let would = if is_open {
            format!("cancel order {number}")
        } else {
            format!("nothing: order {number} is over")
        };
        let plain = Understood::plain(OperatorCommand::Cancel(id), would);
        Ok(Understood { affected: u32::from(is_open), ..plain })
    }

    fn cancel_all(&self, name: &ScopeName) -> Result<Understood, Failure> {
        let model = self.node.model();
        let scope = scope_of(&model, name)?;
        let is_wide = matches!(scope, Scope::All | Scope::Venue(_) | Scope::Instrument(_));
        Ok(Understood {
            command: OperatorCommand::CancelAll(scope),
            would: format!("cancel all open orders of {}", name.words()),
            affected: model.open_in(scope).orders,
            needs_two: is_wide && self.two_person.cancel_all,
            plan: None,
        })
    }

    /// A statement about a fill always needs two persons: it books money.
    fn resolve(
        &self,
        number: u64,
        filled: &str,
        price: Option<&str>,
    ) -> Result<Understood, Failure> {
        let model = self.node.model();
        let child = ChildId(number);
        let (price_decimals, qty_decimals) = model
            .decimals_of_child(child)
            .ok_or_else(|| unknown(Code::UnknownOrder, "child", &number.to_string()))?;
        let read = |name: &str, text: &str, decimals: u32| {
            let units = units_of(text, decimals).and_then(|units| i64::try_from(units).ok());
            let why = format!("a decimal number from 0 with at most {decimals} decimals");
            units.ok_or_else(|| bad_argument(name, &why))
        };
        let filled = Qty(read("filled", filled, qty_decimals)?);
        let price = price.map_or(Ok(0), |text| read("price", text, price_decimals))?;
        let resolution = Resolution { child, filled, price: Price(price) };
        let command = OperatorCommand::Resolve(resolution);
        let would = model.command_words(&command);
        Ok(Understood { affected: 1, needs_two: true, ..Understood::plain(command, would) })
    }

    /// What is kept is a position that nobody has decided to take: that needs two persons.
    fn bridge_keep(&self, number: u64) -> Result<Understood, Failure> {
        let model = self.node.model();
        if model.exposure(number).is_none() {
            return Err(unknown(Code::UnknownOrder, "exposure", &number.to_string()));
        }
        let command = OperatorCommand::KeepExposure(number);
        let would = model.command_words(&command);
        Ok(Understood { affected: 1, needs_two: true, ..Understood::plain(command, would) })
    }

    fn limits_set(&self, name: &str, given: &LimitsGiven) -> Result<Understood, Failure> {
        let (account, old) = self.limits_of(name)?;
        let mut new = old;
        for limit in LIMITS {
            if let Some(value) = given.get(limit)? {
                limit.set(&mut new, value);
            }
        }
        let raises = new.allow_more_than(&old);
        let command = OperatorCommand::SetLimits(account, new);
        let would = self.node.model().command_words(&command);
        let needs_two = raises && self.two_person.limits_raise;
        Ok(Understood { needs_two, ..Understood::plain(command, would) })
    }

    /// An account's id and present limits.
    fn limits_of(&self, name: &str) -> Result<(AccountId, AccountLimits), Failure> {
        let model = self.node.model();
        let id = account_id(&model, name)?;
        let def = model.reference().accounts.get(id.index());
        let def = def.ok_or_else(|| unknown(Code::UnknownAccount, "account", name))?;
        Ok((id, def.limits))
    }

    fn session(&self, name: &str, command: SessionCommand) -> Result<Understood, Failure> {
        let session = session_id(&self.node.model(), name)?;
        let would = match command {
            SessionCommand::Logout => format!("log {name} out"),
            SessionCommand::Disconnect => format!("cut {name} off"),
            SessionCommand::Disable => {
                let open = self.node.model().open_in(Scope::Session(session)).orders;
                format!("log {name} out, and let it in no more; its {open} open orders stay")
            }
            SessionCommand::Enable => format!("let {name} in again"),
            SessionCommand::LiftLockouts => format!("forget the wrong Logons of {name}"),
            SessionCommand::ResetSequence => {
                format!(
                    "log {name} out, and begin at 1 with its next Logon, which is answered with 141=Y"
                )
            }
        };
        Ok(Understood::plain(OperatorCommand::about_session(session, command), would))
    }

    fn lockout_lift(&self, session: Option<&str>, codes: bool) -> Result<Understood, Failure> {
        match (session, codes) {
            (Some(name), false) => {
                let lift = self.session(name, SessionCommand::LiftLockouts)?;
                let lockouts = self.node.sessions.lockouts(self.node.now_ns());
                let of_it = lockouts.iter().filter(|(session, _)| session == name).count();
                if of_it == 0 {
                    let message = format!("no address is locked out of session {name}");
                    return Err(Failure::new(Code::NotLocked, message));
                }
                Ok(lift)
            }
            (None, true) => {
                Ok(Understood::node(NodeCommand::LiftCodeLock, "take one-time codes again"))
            }
            _ => Err(bad_argument("session", "give either a session or codes")),
        }
    }

    /// A change of the file that is no addition is in the answer to a dry run; otherwise it keeps
    /// everything from being taken.
    fn reload(&self) -> Result<Understood, Failure> {
        let plan = self.extender()?.plan()?;
        let command = OperatorCommand::Extend(plan.command());
        let needs_two = self.two_person.reload;
        let plain = Understood::plain(command, plan.words());
        Ok(Understood { needs_two, plan: Some(plan), ..plain })
    }

    /// The node's side of an addition.
    pub(super) fn extender(&self) -> Result<&dyn Extender, Failure> {
        let none = || Failure::new(Code::NotAdditions, "the node has no configuration file");
        self.node.extender.as_deref().ok_or_else(none)
    }

    fn shutdown(&self, cancel_orders: bool) -> Understood {
        let affected = self.node.model().open_in(Scope::All).orders;
        if !cancel_orders {
            let would = format!("end the node; {affected} open orders stay at the venues");
            return Understood::node(NodeCommand::Shutdown, would);
        }
        let would = "halt everything, and end the node when nothing is open";
        let needs_two = self.two_person.cancel_all;
        let change = Understood::node(NodeCommand::ShutdownFlat, would);
        Understood { affected, needs_two, ..change }
    }
}
