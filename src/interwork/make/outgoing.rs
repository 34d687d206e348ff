//! MESSAGEs of our own: reports to senders of short messages, RP-DATA to phones and service centres.

use crate::exchange::{ImToSm, ImToSmTexts, Party, SmToImTexts};
use crate::interwork::Gateway;
use crate::interwork::rules::causes::defaults::RpOutcome;
use crate::sip::{MessageOut, Service};
use crate::wire::{
    Direction, Parameters, RpAck, RpCause, RpError, RpMessage, RpMr, SmsDeliverReport,
    SmsSubmitReport, TpFcs, TpScts, Tpdu,
};

/// Header fields of every MESSAGE to a service centre, after P-Asserted-Identity.
const TO_SERVICE_CENTRE: &str = ">\r\n\
     Content-Type: application/vnd.3gpp.sms\r\n\
     Content-Transfer-Encoding: binary\r\n";

/// Offset of RP-MR in every RP message (TS 24.011 §7.3).
const RP_MR_AT: usize = 1;

/// A report on a short message.
pub(crate) struct ReportOut<'a> {
    /// Its receiver.
    pub(crate) party: Party,
    /// To a service centre: public identity of the reporting recipient; may be empty.
    pub(crate) recipient: &'a str,
    /// Request-URI and To.
    pub(crate) address: &'a str,
    /// Next hop without a registered contact.
    pub(crate) hop: &'a str,
    /// Call-ID of the submission; may be empty.
    pub(crate) in_reply_to: &'a str,
    /// RP-Message Reference.
    pub(crate) rp_mr: u8,
    /// Outcome that it reports.
    pub(crate) told: RpOutcome,
    /// TP-Service-Centre-Time-Stamp; without one there is no TPDU.
    pub(crate) scts: Option<TpScts>,
}

impl Gateway {
    /// The report as a MESSAGE (rows SR-1 to SR-3).
    pub(crate) fn report(
        &self,
        report: &ReportOut<'_>,
        call_id: Option<String>,
    ) -> Box<MessageOut> {
        let mut headers = String::with_capacity(512);
        let from = match report.party {
            Party::Phone => {
                headers.push_str(&self.policy.to_phone);
                self.policy.gateway_uri.clone()
            }
            // A service centre assigns the report by the recipient's identity.
            Party::ServiceCentre => {
                let recipient = match report.recipient {
                    "" => &self.policy.gateway_uri,
                    recipient => recipient,
                };
                headers.push_str("P-Asserted-Identity: <");
                headers.push_str(recipient);
                headers.push_str(TO_SERVICE_CENTRE);
                recipient.to_owned()
            }
        };
        if !report.in_reply_to.is_empty() {
            headers.push_str("In-Reply-To: ");
            headers.push_str(report.in_reply_to);
            headers.push_str("\r\n");
        }
        Box::new(MessageOut {
            service: Service::Sm,
            identity: report.address.to_owned(),
            to: String::new(),
            fallback_hop: report.hop.to_owned(),
            from,
            call_id,
            headers,
            body: report.octets(),
        })
    }

    /// The RP-DATA of an exchange as a MESSAGE (rows IM-2, IM-5).
    pub(crate) fn rp_data(&self, im: &ImToSm, texts: &ImToSmTexts<'_>) -> Box<MessageOut> {
        let (service, from, headers) = match im.to {
            Party::Phone => (
                Service::Sm,
                self.policy.gateway_uri.as_str(),
                self.policy.to_phone.clone(),
            ),
            // A service centre identifies the sender by its identity, as if a phone had sent it.
            Party::ServiceCentre => {
                let sender = texts.sender;
                let mut headers = ["P-Asserted-Identity: <", sender, TO_SERVICE_CENTRE].concat();
                if im.private {
                    headers.push_str("Privacy: id\r\n");
                }
                (Service::ServiceCentre, sender, headers)
            }
        };
        let mut body = texts.rp_data.to_vec();
        if let Some(rp_mr) = body.get_mut(RP_MR_AT) {
            *rp_mr = im.rp_mr;
        }
        Box::new(MessageOut {
            service,
            identity: texts.address.to_owned(),
            to: String::new(),
            fallback_hop: texts.hop.to_owned(),
            from: from.to_owned(),
            call_id: Some(self.call_id_to(im.header.key, im.attempts, im.contact)),
            headers,
            body,
        })
    }
}

impl<'a> ReportOut<'a> {
    /// The report on a short message with these texts.
    pub(crate) const fn on(
        texts: SmToImTexts<'a>,
        party: Party,
        rp_mr: u8,
        told: RpOutcome,
        scts: TpScts,
    ) -> Self {
        Self {
            party,
            recipient: texts.recipient,
            address: texts.sender,
            hop: texts.hop,
            in_reply_to: texts.call_id,
            rp_mr,
            told,
            scts: Some(scts),
        }
    }
}

impl ReportOut<'_> {
    /// RP-ACK or RP-ERROR, with a report TPDU if needed.
    fn octets(&self) -> Vec<u8> {
        let mr = RpMr(self.rp_mr);
        let (rp, fcs) = match self.told {
            RpOutcome::Ack => (
                RpMessage::Ack(RpAck {
                    mr,
                    user_data: None,
                }),
                None,
            ),
            RpOutcome::Error { cause, fcs } => {
                let cause = RpCause::from(cause);
                let error = RpError {
                    mr,
                    cause,
                    diagnostic: &[],
                    user_data: None,
                };
                (RpMessage::Error(error), fcs.map(TpFcs::from))
            }
        };
        // In an RP-ERROR, the TPDU must have a TP-FCS (TS 23.040 §9.2.2.1a, §9.2.2.2a).
        let says_something = matches!(self.told, RpOutcome::Ack) || fcs.is_some();
        let parameters = Parameters::default();
        let (direction, tpdu) = match self.party {
            Party::Phone => (
                Direction::NetworkToMs,
                self.scts.map(|scts| {
                    Tpdu::SubmitReport(SmsSubmitReport {
                        fcs,
                        scts,
                        parameters,
                    })
                }),
            ),
            Party::ServiceCentre => (
                Direction::MsToNetwork,
                Some(Tpdu::DeliverReport(SmsDeliverReport { fcs, parameters })),
            ),
        };
        let mut out = Vec::with_capacity(20);
        let written = match tpdu.filter(|_| says_something) {
            Some(tpdu) => rp.encode_with(direction, &tpdu, &mut out),
            None => rp.encode(direction, &mut out),
        };
        debug_assert!(
            written.is_ok(),
            "a report has no part that could be too long"
        );
        out
    }
}
