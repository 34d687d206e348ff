//! SMS-STATUS-REPORT to phones that asked for it (row STA-5), on short messages that were acknowledged.

use crate::host::{Exchange, Kind, Now, Octets, Party, State};
use crate::interwork::Gateway;
use crate::interwork::action::Counter;
use crate::interwork::handle::Turn;
use crate::wire::{
    Carrier, Direction, RpData, RpMessage, RpMr, SmsStatusReport, TpScts, TpSt, Tpdu,
};

impl Turn<'_> {
    /// Queues the report on a short message with this TP-Status, if its phone asked for one. It goes as
    /// every other short message to that phone.
    pub(crate) fn report_status(&mut self, submission: &Exchange, status: TpSt) {
        let Some(rp_data) = self.gateway.status_report(submission, status, self.now) else {
            return;
        };
        let queued = self.store.insert(Exchange {
            status_report: true,
            sender: submission.sender,
            address: submission.address,
            hop: submission.hop,
            pdu: rp_data,
            ..Exchange::new(Kind::ImToSm, State::Queued, submission.identity, self.now)
        });
        match queued {
            Ok(id) => {
                self.wake_in_queue(id);
                self.count(Counter::StatusReport);
            }
            Err(_) => self.count(Counter::ReportLost),
        }
    }
}

impl Gateway {
    fn status_report(&self, submission: &Exchange, status: TpSt, now: Now) -> Option<Octets<254>> {
        if submission.party != Party::Phone {
            return None;
        }
        let tpdu = submission.pdu.as_slice();
        let tpdu = Tpdu::decode(Direction::MsToNetwork, Carrier::RpData, tpdu).ok()?;
        let Tpdu::Submit(submit) = tpdu else {
            return None;
        };
        if !submit.status_report_request {
            return None;
        }
        let report = SmsStatusReport {
            more_messages: false,
            loop_prevention: false,
            on_command: false,
            mr: submit.mr,
            recipient_address: submit.destination_address,
            // The same as in the submit report: by it and TP-MR the phone knows the message.
            scts: TpScts::from_unix(submission.unix, submission.zone),
            discharge_time: TpScts::from_unix(now.unix, now.zone),
            status,
            parameters: None,
        };
        let rp = RpMessage::Data(RpData {
            mr: RpMr(0),
            originator: Some(self.policy.rp_address),
            destination: None,
            user_data: &[],
        });
        let mut octets = Vec::with_capacity(64);
        rp.encode_with(
            Direction::NetworkToMs,
            &Tpdu::StatusReport(report),
            &mut octets,
        )
        .ok()?;
        Octets::new(&octets)
    }
}
