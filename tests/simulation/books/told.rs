//! What the gateway says, checked when it says so.

use ipsmgw::exchange::ExchangeKey;
use ipsmgw::mime::{Cpim, DeliveryStatus, Disposition, IMDN_TYPE, Imdn};
use ipsmgw::sip::MessageOut;
use ipsmgw::wire::{Direction, RpMessage, SmsStatusReport, TpSt, Tpdu};

use super::{Subject, instant_message_named, request_named};
use crate::host::header;
use crate::servers::COPIES_MS;
use crate::world::World;

/// How much later than its hold time a sender may be answered: tm's timer, and slow processes.
const LATE_MS: u64 = 1_000;

impl World {
    /// The exchange that a Call-ID of the gateway names, as peers cannot know it.
    pub(crate) fn subject_named(&self, call_id: &str) -> Subject {
        let mut numbers = call_id.split(['-', '@']);
        let mut number = || u64::from_str_radix(numbers.next()?, 16).ok();
        let key = number()
            .zip(number())
            .and_then(|(node, serial)| ExchangeKey::new(u16::try_from(node).ok()?, serial));
        key.map_or(Subject::Unknown, |key| self.subject(key))
    }

    /// The gateway has sent the final response to a request.
    pub(crate) fn sender_is_told(&mut self, call_id: &str, status: u16) {
        if let Some(number) = instant_message_named(call_id) {
            if self.books.list(number).is_some() {
                self.sender_of_list_is_told(number, status);
            } else if self.books.to_centre(number).is_some() {
                self.sender_to_centre_is_told(number, status);
            } else {
                self.sender_of_im_is_told(number, status);
            }
        } else if super::status_named(call_id).is_some() {
            self.status_is_answered(call_id, status);
        } else if let Some((number, part, request)) = request_named(call_id)
            && let Some(sm) = self.books.sm_mut(number)
        {
            let is_given_up = request + 1 < sm.parts[part].requests.len();
            let request = &mut sm.parts[part].requests[request];
            request.told_too_late = is_given_up && request.told.is_none();
            // Each of two gateways answers a request that came to both. A gateway that stood still passes copies on when they are forgotten.
            let is_forgotten = self.now_ms > request.told_ms + COPIES_MS;
            let is_second = request.told.replace(status).is_some();
            request.told_ms = self.now_ms;
            request.has_copies |= is_second;
            let may_be_second =
                request.is_copied || sm.is_moved || self.plan.nodes > 1 && is_forgotten;
            if is_second && !may_be_second {
                self.break_promise(format!("{number}: a phone gets two final responses"));
            }
        }
    }

    fn sender_of_im_is_told(&mut self, number: usize, status: u16) {
        let (now_ms, decided_ms) = (self.now_ms, self.decided_ms);
        let policy = &self.host.gateway.policy;
        let hold_ms = match self.plan.has_database {
            true => policy.hold_timeout_ms.max(policy.accept_timeout_ms),
            false => policy.hold_timeout_ms,
        };
        let keeps = self.host.gateway.keeps;
        let Some(im) = self.books.im_mut(number) else {
            return;
        };
        let before = im.told.replace((status, now_ms));
        if let Some((before, _)) = before.filter(|_| im.nodes.len() > 1 && im.came_again > 0) {
            // It was at both gateways.
            im.told_before.push(before);
        } else if before.is_some() {
            return self.break_promise(format!("{number}: its sender gets two final responses"));
        }
        if im
            .arrived_ms
            .is_none_or(|arrived_ms| now_ms > arrived_ms + hold_ms + LATE_MS)
            && !im
                .arrived_ms
                .is_some_and(|arrived_ms| self.life.stood_since(arrived_ms))
        {
            return self.break_promise(format!("{number}: its sender is answered too late"));
        }
        match status {
            // A process that has the RP-ACK stood still before it said 200: then the timer of the sender says 202.
            202 if keeps
                && !im.is_durable
                && im.endings.is_empty()
                && !im.is_settled
                && !im.is_acked() =>
            {
                self.break_promise(format!(
                    "{number}: 202, and the database does not have the message"
                ));
            }
            200 if im.is_shown() => {}
            200 if im.is_confused => self
                .books
                .explain("a phone has acknowledged another message than it meant"),
            200 => self.break_promise(format!("{number}: 200, and the recipient does not have it")),
            408 => self.break_promise(format!("{number}: 408 to a MESSAGE")),
            300.. if im.was_acked(decided_ms) && !im.is_confused => {
                self.break_promise(format!(
                    "{number}: {status}, and the phone has acknowledged it"
                ));
            }
            300.. if im.is_shown() => {
                self.books.explain(
                    "failed, and the phone has it: its report was cut off, late, or said so",
                );
            }
            _ => {}
        }
    }

    /// The gateway sends RP-DATA.
    pub(crate) fn sends_rp_data(
        &mut self,
        exchange: ExchangeKey,
        attempt: u8,
        message: &MessageOut,
    ) {
        let subject = self.subject(exchange);
        if let Subject::ToCentre(number, part) = subject {
            return self.sends_to_centre((number, part), exchange, message);
        }
        let call_id = message.call_id.clone().unwrap_or_default();
        let rp_mr = message.body.get(1).copied().unwrap_or(0);
        self.books
            .rp_data_is_sent(&call_id, &message.identity, rp_mr, subject, self.node);
        let begins = !matches!(subject, Subject::InstantMessage(_, 1..)) && !self.follows(exchange);
        // Its own exchanges, too, come back from the other gateway behind later ones.
        let is_taken_over = self.host.taken_up.contains(&exchange);
        // The process that sends it stood still, and its time was over meanwhile: the next one went.
        let is_late = self.life.stood_since(self.decided_ms);
        if attempt == 1 && begins && !is_late && !(self.plan.nodes > 1 && is_taken_over) {
            let phone = (self.node, message.identity.clone());
            let last = self.books.order.insert(phone, exchange.serial());
            if last.is_some_and(|last| last >= exchange.serial()) {
                return self.break_promise("a message overtakes another one to the same phone");
            }
        }
        if self.transactions.own_to(self.node, &message.identity) > 0
            && !self.life.is_confused(self.now_ms)
        {
            return self.break_promise("two RP-DATA are on their way to one phone");
        }
        match subject {
            Subject::InstantMessage(number, part) => self.sends_part(number, part),
            Subject::Status => self.sends_status_report(exchange, message),
            Subject::ShortMessage(number, part) => {
                self.sends_leg(exchange, attempt, (number, part), message);
            }
            Subject::ToCentre(..) | Subject::Unknown => {}
        }
    }

    fn sends_part(&mut self, number: usize, part: usize) {
        let decided_ms = self.decided_ms;
        if let Err(broken) = self.books.copy_leaves(number) {
            return self.break_promise(broken);
        }
        let Some(im) = self.books.im_mut(number) else {
            return;
        };
        *im.sent.entry(part).or_default() += 1;
        if im.is_confused {
            return;
        }
        if im.acked.get(&part).is_some_and(|at_ms| *at_ms < decided_ms) {
            self.break_promise(format!(
                "{number}: part {part} is sent again although it is acknowledged"
            ));
        } else if (0..part).any(|before| !im.acked.contains_key(&before)) {
            self.break_promise(format!(
                "{number}: part {part} is sent before the report on an earlier one"
            ));
        }
    }

    fn sends_status_report(&mut self, exchange: ExchangeKey, message: &MessageOut) {
        let Ok((direction, rp)) = RpMessage::decode(&message.body) else {
            return;
        };
        let Some(Ok(Tpdu::StatusReport(report))) = rp.tpdu(direction) else {
            return self.break_promise("a status report that is none");
        };
        let (number, part) = match self.reported(&message.identity, &report)[..] {
            [] => return self.break_promise("a status report on nothing"),
            [only] => only,
            // The phone has used 256 references meanwhile.
            ref several => {
                self.books.explain("a status report that fits two messages");
                return self.books.fits_several(several, exchange.serial());
            }
        };
        let (decided_ms, crashes) = (self.decided_ms, self.crashes);
        let Some(sm) = self.books.sm_mut(number) else {
            return;
        };
        let (is_shown, is_confirmed) = (sm.is_shown(), sm.was_confirmed(decided_ms));
        let in_pieces = sm.in_pieces.contains(&part);
        let forgotten = sm.forgotten + sm.legs.get(part).map_or(0, |leg| leg.forgotten);
        let forgotten = forgotten + sm.parts[part].dropped;
        let most = match crashes {
            0 if !sm.is_moved => 1 + forgotten,
            // Each crash may cut off the news that one was sent.
            _ => 1 + sm.parts[part].requests.len() + sm.forgotten,
        };
        let is_forgotten = sm.forgotten > 0;
        let reports = &mut sm.parts[part].status_reports;
        reports.insert(exchange.serial());
        if reports.len() > most {
            return self.break_promise(format!("{number}: two status reports on part {part}"));
        }
        if !sm.legs.is_empty() {
            return self.status_of_leg(number, part, &report);
        }
        match u8::from(report.status) {
            0x00 if !is_shown && !in_pieces => {
                self.break_promise(format!(
                    "{number}: status 00, and the recipient does not have it"
                ));
            }
            0x40.. if is_confirmed && !is_forgotten => {
                let status = TpSt::from(u8::from(report.status));
                self.break_promise(format!(
                    "{number}: status {status:?}, and a client has taken it"
                ));
            }
            0x40.. if is_shown => self
                .books
                .explain("status failed, and a client has it: its answer was cut off"),
            _ => {}
        }
    }

    /// The acknowledged parts with this TP-Message-Reference and recipient that were sent before this time.
    fn reported(&self, phone: &str, report: &SmsStatusReport<'_>) -> Vec<(usize, usize)> {
        let person = self.person(phone).map(|place| &self.people[place]);
        let all = person.and_then(|person| person.by_tp_mr.get(&report.mr.0));
        let (Some(all), Some(sent)) = (all, report.scts.unix_seconds()) else {
            return Vec::new();
        };
        let recipient = report.recipient_address.value();
        let fits = |(number, part): &(usize, usize)| {
            self.books.sm(*number).is_some_and(|sm| {
                let part = &sm.parts[*part];
                let to = self.people[sm.recipient].number.trim_start_matches('+');
                // A crash may cut off the RP-ACK for what the database has, and a slow process may be about to send it.
                let is_taken = part.is_acked || part.is_durable;
                sm.asks && is_taken && part.unix <= sent && to == recipient
            })
        };
        all.iter().copied().filter(fits).collect()
    }

    /// The gateway sends another MESSAGE: a report to a phone, a notification, a text.
    pub(crate) fn sends(&mut self, message: &MessageOut, exchange: Option<ExchangeKey>) {
        let content_type = header(&message.headers, "Content-Type").unwrap_or_default();
        match content_type {
            crate::phone::SMS => self.sends_report(message, exchange),
            "message/cpim" => self.sends_notification(message),
            _ if exchange.is_none() => self.sends_incomplete(message),
            _ => {}
        }
    }

    fn sends_report(&mut self, message: &MessageOut, exchange: Option<ExchangeKey>) {
        let in_reply_to = header(&message.headers, "In-Reply-To");
        if in_reply_to.is_some_and(|call_id| call_id.starts_with('m')) {
            // The phone checks the report on its RP-SMMA.
            return;
        }
        if let Some(call_id) = in_reply_to.filter(|call_id| super::status_named(call_id).is_some())
        {
            return self.reports_on_status(call_id, message, exchange);
        }
        let named = in_reply_to.and_then(request_named);
        let (Some((number, place, asked)), Ok((direction, rp))) =
            (named, RpMessage::decode(&message.body))
        else {
            return self.break_promise("a report on nothing");
        };
        let device = self.books.sm(number).map(|sm| sm.device);
        let expected = match device.is_some_and(|device| self.is_centre(device)) {
            true => Direction::MsToNetwork,
            false => Direction::NetworkToMs,
        };
        if direction != expected {
            return self.break_promise(format!("{number}: a report in the wrong direction"));
        }
        let (decided_ms, keeps) = (self.decided_ms, self.host.gateway.keeps);
        let mut is_forgotten = self.books.is_forgotten(number);
        let digest = self
            .books
            .sm(number)
            .and_then(|sm| sm.parts.get(place)?.digest);
        is_forgotten |= digest.is_some_and(|digest| !self.host.remembers_part(digest, self.now_ms));
        let Some(sm) = self.books.sm_mut(number) else {
            return;
        };
        // Behind a crash, the database had it.
        is_forgotten |= sm.forgotten > 0 && sm.remembered_at.is_none() || sm.is_moved;
        let (is_shown, is_confirmed) = (sm.is_shown(), sm.was_confirmed(decided_ms));
        let (is_single, was_stored) = (sm.parts.len() == 1, sm.stored > 0);
        let part = &mut sm.parts[place];
        let request = &mut part.requests[asked];
        let told = request.told.or(request.told_before);
        let is_other = request
            .reports
            .first()
            .is_some_and(|first| *first != message.body);
        request.reports.push(message.body.clone());
        let count = request.reports.len();
        if !told.is_some_and(|status| (200..300).contains(&status)) {
            return self.break_promise(format!("{number}: a report behind {told:?}"));
        }
        if is_other && !request.has_copies {
            return self.break_promise(format!("{number}: two different reports on one request"));
        }
        if count > 2 * (1 + usize::from(request.has_copies)) {
            return self.break_promise(format!("{number}: {count} reports on one request"));
        }
        // A report that is repeated was decided before.
        if count > 1 {
            return;
        }
        if !sm.legs.is_empty() {
            let is_ack = matches!(rp, RpMessage::Ack(_));
            return self.reports_on_leg(number, (place, asked), is_ack);
        }
        if matches!(rp, RpMessage::Ack(_)) {
            part.is_acked = true;
            part.is_acked_as_whole |= part.completes;
            if is_shown {
                return;
            }
            let is_stored = part.is_durable && (is_single || was_stored || !part.completes);
            if (is_single || part.completes) && !is_stored {
                return self.break_promise(format!(
                    "{number}: RP-ACK, and the recipient does not have it"
                ));
            }
            part.is_promised = true;
            part.is_said_early = keeps && !part.is_durable;
            return;
        }
        let is_repeated = std::mem::replace(&mut part.is_refused, true);
        sm.is_decided = true;
        let is_last_word = std::mem::replace(&mut sm.is_failed, true);
        sm.forgotten += usize::from(is_forgotten && !(is_repeated && is_last_word));
        if is_confirmed && !is_repeated && !is_forgotten {
            self.break_promise(format!("{number}: RP-ERROR, and a client has taken it"));
        } else if is_shown {
            self.books
                .explain("RP-ERROR, and a client has it: its answer was cut off, or late");
        }
    }

    fn sends_notification(&mut self, message: &MessageOut) {
        let Ok(cpim) = Cpim::decode(&message.body) else {
            return self.break_promise("a notification that nobody can read");
        };
        if !cpim.content.is(IMDN_TYPE) {
            return;
        }
        let Ok(imdn) = Imdn::decode(&cpim.content.octets) else {
            return self.break_promise("a notification that nobody can read");
        };
        let own = cpim
            .imdn
            .message_id
            .as_deref()
            .unwrap_or_default()
            .to_owned();
        let number = imdn
            .message_id
            .strip_prefix("im")
            .and_then(|number| number.parse().ok());
        let about = imdn.original_recipient_uri.or(imdn.recipient_uri);
        let number = number.map(|number| self.books.copy_named(number, about.as_deref()));
        let disposition = match imdn.disposition {
            Disposition::Delivery(DeliveryStatus::Delivered) => 0,
            Disposition::Delivery(_) => 1,
            _ => 2,
        };
        if let Some(number) = number.filter(|number| self.books.to_centre(*number).is_some()) {
            return self.notifies_of_centre(number, disposition, own);
        }
        let crashes = self.crashes;
        let Some((number, im)) =
            number.and_then(|number: usize| Some((number, self.books.im_mut(number)?)))
        else {
            return self.break_promise("a notification about nothing");
        };
        let told = im.told.map(|(status, _)| status);
        let (positive, negative, processing) = im.wants;
        let is_wanted = [positive, negative, processing][disposition];
        // One that goes once more, with the same Message-ID, was decided before: the phone may have acknowledged the message meanwhile.
        let is_new = im.notified[disposition].insert(own);
        let is_second = im.notified[disposition].len() > 1;
        let was_acked = im.was_acked(self.decided_ms);
        let (is_shown, is_confused) = (im.is_shown(), im.is_confused);
        let im_came_again = im.came_again;
        // The row was to go, and the other gateway was faster.
        let was_kept = im.is_durable && (crashes > 0 || im.nodes.len() > 1);
        let came_again = im.notified[disposition].len() <= 1 + im.came_again;
        let what = ["delivered", "failed", "processed"][disposition];
        if !is_wanted {
            self.break_promise(format!(
                "{number}: the notification {what}, which nobody wants"
            ));
        } else if is_second && !came_again {
            self.break_promise(format!("{number}: {what} twice"));
        } else if disposition == 0 && !is_shown && !is_confused {
            self.break_promise(format!(
                "{number}: delivered, and the recipient does not have it"
            ));
        } else if disposition == 1 && told.is_some_and(|status| status >= 300) && was_kept {
            self.books
                .explain("failed twice: a crash or another gateway kept the row of a message that was refused");
        } else if disposition == 1 && im_came_again == 0 && told.is_some_and(|status| status >= 300)
        {
            self.break_promise(format!(
                "{number}: failed, which its sender knows by {told:?}"
            ));
        } else if disposition == 1 && was_acked && !is_confused && is_new {
            self.break_promise(format!(
                "{number}: failed, and the phone has acknowledged it"
            ));
        } else if disposition == 1 && is_shown {
            self.books
                .explain("failed, and the phone has it: its report was cut off, late, or said so");
        }
    }

    /// Parts whose other parts did not come go out as one text, without an exchange.
    fn sends_incomplete(&mut self, message: &MessageOut) {
        let text = String::from_utf8_lossy(&message.body).into_owned();
        let number = crate::texts::number_in(&text);
        let Some(sm) = number.and_then(|number| self.books.sm_mut(number)) else {
            return self.break_promise("a text that nobody wrote");
        };
        if text == sm.text {
            // They are all there, and the store had no place for the whole message.
            sm.goes_as_a_whole();
        }
        let mut is_new = false;
        for (place, part) in sm.parts.iter().enumerate() {
            if text.contains(&part.text) {
                is_new |= sm.in_pieces.insert(place);
            }
        }
        if is_new {
            self.books.explain("parts went out with gaps");
        }
    }
}
