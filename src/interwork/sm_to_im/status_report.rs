//! SMS-STATUS-REPORT to phones that asked for it (row STA-5), for short messages that were acknowledged.

use crate::base::Octets;
use crate::exchange::{
    Header, IdentityKey, ImToSm, ImToSmState, ImToSmTexts, KeptPart, KeptPartTexts, Kind, NEVER,
    Now, Party, Role, SmToIm, SmToImTexts, Stored,
};
use crate::interwork::Gateway;
use crate::interwork::counter::Counter;
use crate::interwork::handle::Turn;
use crate::interwork::input::StatusReportOut;
use crate::wire::{
    Carrier, Direction, RpData, RpMessage, RpMr, SmsStatusReport, SmsSubmit, TpScts, TpSt, Tpdu,
};

/// A short message, or a part of one, for which a status report may be requested.
pub(crate) struct Reported<'t> {
    identity_key: IdentityKey,
    share: u64,
    /// Whether the database keeps the report. It does if it keeps the message.
    kept: Stored,
    party: Party,
    unix: i64,
    zone: i8,
    identity: &'t str,
    sender: &'t str,
    hop: &'t str,
    tpdu: &'t [u8],
}

impl<'t> Reported<'t> {
    /// The short message of this exchange.
    pub(crate) fn sm(sm: &SmToIm, texts: SmToImTexts<'t>) -> Self {
        Self {
            identity_key: sm.header.identity,
            share: sm.header.share,
            kept: sm.header.stored.behind(),
            party: sm.sender,
            unix: sm.unix,
            zone: sm.zone,
            identity: texts.identity,
            sender: texts.sender,
            hop: texts.hop,
            tpdu: texts.tpdu,
        }
    }

    /// This message, which was stored in the database.
    pub(crate) fn stored(report: &'t StatusReportOut) -> Self {
        Self {
            identity_key: IdentityKey::of(&report.identity),
            share: report.share,
            kept: Stored::Yes,
            party: Party::Phone,
            unix: report.unix,
            zone: report.zone,
            identity: report.identity.as_str(),
            sender: report.address.as_str(),
            hop: report.hop.as_str(),
            tpdu: report.tpdu.as_slice(),
        }
    }

    /// This part.
    pub(crate) fn part(part: &KeptPart, texts: KeptPartTexts<'t>) -> Self {
        Self {
            identity_key: part.header.identity,
            share: part.header.share,
            kept: part.header.stored.behind(),
            party: part.sender,
            unix: part.unix,
            zone: part.zone,
            identity: texts.identity,
            sender: texts.sender,
            hop: texts.hop,
            tpdu: texts.tpdu,
        }
    }
}

impl Turn<'_> {
    /// Queues a status report with this TP-Status, if the phone asked for one. The report is sent as any other short
    /// message to that phone.
    pub(crate) fn report_status(&mut self, about: &Reported<'_>, status: TpSt) {
        let Some(rp_data) = self.gateway.status_report(about, status, self.now) else {
            return;
        };
        let texts = ImToSmTexts {
            identity: about.identity,
            address: about.sender,
            hop: about.hop,
            rp_data: rp_data.as_slice(),
            ..ImToSmTexts::default()
        };
        let share = about.share;
        let place = self
            .view
            .take_place(Kind::ImToSm, share, texts.packed_len());
        let Ok(key) = place else {
            self.charge_lost_status_report(&texts);
            return self.count(Counter::ReportLost);
        };
        let header = Header {
            key,
            identity: about.identity_key,
            share,
            due_ms: self.queue_ends_ms(NEVER),
            stored: about.kept,
        };
        let report = ImToSm::new(
            header,
            ImToSmState::Queued,
            Role::StatusReport,
            Party::Phone,
        );
        self.view.open(report, texts.pack());
        self.count(Counter::StatusReport);
    }
}

impl Gateway {
    fn status_report(&self, about: &Reported<'_>, status: TpSt, now: Now) -> Option<Octets<254>> {
        // Most phones ask for no status report: then the TPDU is not read.
        if about.party != Party::Phone || !SmsSubmit::requests_status_report(about.tpdu) {
            return None;
        }
        let tpdu = Tpdu::decode(Direction::MsToNetwork, Carrier::RpData, about.tpdu).ok()?;
        let Tpdu::Submit(submit) = tpdu else {
            return None;
        };
        let report = SmsStatusReport {
            more_messages: false,
            loop_prevention: false,
            on_command: false,
            mr: submit.mr,
            recipient_address: submit.destination_address,
            // The same time as in the submit report: the phone finds the message by this time and TP-MR.
            scts: TpScts::from_unix(about.unix, about.zone),
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
