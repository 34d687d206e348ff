//! TPDUs field by field (TS 23.040 clause 9.2.2).

use super::user_data::{coding, user_data};
use super::{FieldSink, address, timestamp, timestamp_fields};
use crate::wire::{
    Carrier, DecodeError, Direction, Parameters, SmsCommand, SmsDeliver, SmsDeliverReport,
    SmsStatusReport, SmsSubmit, SmsSubmitReport, TpVp, Tpdu, UserData,
};

/// Describes a TPDU; nothing is described if it is malformed.
pub fn describe_tpdu(
    direction: Direction,
    carrier: Carrier,
    octets: &[u8],
    sink: &mut dyn FieldSink,
) -> Result<(), DecodeError> {
    let tpdu = Tpdu::decode(direction, carrier, octets)?;
    tpdu_fields(&tpdu, sink);
    Ok(())
}

pub(super) fn tpdu_fields(tpdu: &Tpdu<'_>, sink: &mut dyn FieldSink) {
    sink.text("type", tpdu.name());
    match tpdu {
        Tpdu::Deliver(tpdu) => deliver(tpdu, sink),
        Tpdu::DeliverReport(tpdu) => deliver_report(tpdu, sink),
        Tpdu::Submit(tpdu) => submit(tpdu, sink),
        Tpdu::SubmitReport(tpdu) => submit_report(tpdu, sink),
        Tpdu::StatusReport(tpdu) => status_report(tpdu, sink),
        Tpdu::Command(tpdu) => command(tpdu, sink),
    }
}

fn deliver(tpdu: &SmsDeliver<'_>, sink: &mut dyn FieldSink) {
    sink.bit("mms", !tpdu.more_messages);
    sink.bit("lp", tpdu.loop_prevention);
    sink.bit("sri", tpdu.status_report_indication);
    header_indicator(Some(&tpdu.user_data), sink);
    sink.bit("rp", tpdu.reply_path);
    address(sink, &tpdu.originating_address);
    sink.number("pid", tpdu.pid.0.into());
    coding(tpdu.dcs, sink);
    timestamp(sink, "scts", tpdu.scts);
    user_data(&tpdu.user_data, sink);
}

fn deliver_report(tpdu: &SmsDeliverReport<'_>, sink: &mut dyn FieldSink) {
    header_indicator(tpdu.parameters.user_data.as_ref(), sink);
    if let Some(fcs) = tpdu.fcs {
        sink.number("fcs", u8::from(fcs).into());
    }
    sink.number("pi", tpdu.parameters.indicator().into());
    parameters(&tpdu.parameters, sink);
}

fn submit(tpdu: &SmsSubmit<'_>, sink: &mut dyn FieldSink) {
    sink.bit("rd", tpdu.reject_duplicates);
    sink.number("vpf", tpdu.vp.format().into());
    sink.bit("srr", tpdu.status_report_request);
    header_indicator(Some(&tpdu.user_data), sink);
    sink.bit("rp", tpdu.reply_path);
    sink.number("mr", tpdu.mr.0.into());
    address(sink, &tpdu.destination_address);
    sink.number("pid", tpdu.pid.0.into());
    coding(tpdu.dcs, sink);
    validity_period(tpdu.vp, sink);
    user_data(&tpdu.user_data, sink);
}

fn submit_report(tpdu: &SmsSubmitReport<'_>, sink: &mut dyn FieldSink) {
    header_indicator(tpdu.parameters.user_data.as_ref(), sink);
    if let Some(fcs) = tpdu.fcs {
        sink.number("fcs", u8::from(fcs).into());
    }
    sink.number("pi", tpdu.parameters.indicator().into());
    timestamp(sink, "scts", tpdu.scts);
    parameters(&tpdu.parameters, sink);
}

fn status_report(tpdu: &SmsStatusReport<'_>, sink: &mut dyn FieldSink) {
    sink.bit("mms", !tpdu.more_messages);
    sink.bit("lp", tpdu.loop_prevention);
    sink.bit("srq", tpdu.on_command);
    header_indicator(
        tpdu.parameters
            .and_then(|parameters| parameters.user_data)
            .as_ref(),
        sink,
    );
    sink.number("mr", tpdu.mr.0.into());
    address(sink, &tpdu.recipient_address);
    timestamp(sink, "scts", tpdu.scts);
    timestamp(sink, "dt", tpdu.discharge_time);
    sink.number("st", u8::from(tpdu.status).into());
    if let Some(tpdu) = &tpdu.parameters {
        sink.number("pi", tpdu.indicator().into());
        parameters(tpdu, sink);
    }
}

fn command(tpdu: &SmsCommand<'_>, sink: &mut dyn FieldSink) {
    sink.bit("srr", tpdu.status_report_request);
    sink.bit("udhi", tpdu.user_data_header);
    sink.number("mr", tpdu.mr.0.into());
    sink.number("pid", tpdu.pid.0.into());
    sink.number("ct", u8::from(tpdu.command_type).into());
    sink.number("mn", tpdu.message_number.0.into());
    address(sink, &tpdu.destination_address);
    sink.number(
        "cdl",
        i64::try_from(tpdu.command_data.len()).unwrap_or(i64::MAX),
    );
    sink.octets("cd", tpdu.command_data);
}

fn header_indicator(user_data: Option<&UserData<'_>>, sink: &mut dyn FieldSink) {
    sink.bit(
        "udhi",
        user_data.is_some_and(|user_data| user_data.header().is_some()),
    );
}

/// The elements that TP-PI announces.
fn parameters(parameters: &Parameters<'_>, sink: &mut dyn FieldSink) {
    if let Some(pid) = parameters.pid {
        sink.number("pid", pid.0.into());
    }
    match (parameters.dcs, &parameters.user_data) {
        (Some(dcs), _) => coding(dcs, sink),
        (None, Some(user_data)) => super::user_data::coding_properties(user_data.dcs(), sink),
        (None, None) => {}
    }
    if let Some(parameter) = &parameters.user_data {
        user_data(parameter, sink);
    }
}

fn validity_period(vp: TpVp, sink: &mut dyn FieldSink) {
    match vp {
        TpVp::Absent => {}
        TpVp::Relative(period) => sink.object("vp", &mut |sink| {
            sink.text("fmt", "relative");
            sink.number("raw", period.0.into());
            sink.number("minutes", i64::from(period.seconds() / 60));
        }),
        TpVp::Absolute(end) => sink.object("vp", &mut |sink| {
            sink.text("fmt", "absolute");
            timestamp_fields(sink, end);
        }),
        TpVp::Enhanced(period) => sink.object("vp", &mut |sink| {
            sink.text("fmt", "enhanced");
            sink.octets("raw", &period.0);
            if let Some(seconds) = period.seconds() {
                sink.number("seconds", seconds.into());
            }
        }),
    }
}
