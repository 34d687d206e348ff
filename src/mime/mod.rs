//! Bodies: MIME entities with their encodings and charsets, `message/cpim` (RFC 3862), disposition notifications (RFC
//! 5438), and XML bodies of SIP. No policy, no I/O.

mod charset;
mod content_encoding;
mod cpim;
mod disposition;
mod entity;
mod header;
mod imdn;
mod media_type;
mod multipart;
mod reginfo;
mod resource_list;
mod service_info;
mod transfer_encoding;
mod xml;

pub use charset::{CharsetError, UTF8_TEXT_TYPE, decode_text};
pub use content_encoding::{ContentEncodingError, content_decoded};
pub use cpim::{
    CPIM_HEADERS, CPIM_TYPE, Cpim, CpimAddress, CpimContent, CpimExtension, CpimSubject,
    HeaderName, IMDN_HEADERS, ImdnHeaders, Wanted,
};
pub use disposition::{DeliveryStatus, DisplayStatus, Disposition, ProcessingStatus};
pub use entity::{Entity, EntityError};
pub use header::fields;
pub(crate) use header::{cut, parameters, until};
pub use imdn::{IMDN_TYPE, Imdn, ImdnMessage};
pub use media_type::MediaType;
pub use multipart::{Part, parts, split_header};
pub use reginfo::{REGINFO_TYPE, RegInfo, RegInfoContact, Registration};
pub use resource_list::{CopyControl, RESOURCE_LISTS_TYPE, Recipient, recipients};
pub use service_info::{IMS_3GPP_TYPE, ServiceInfo};
pub use transfer_encoding::{TransferEncodingError, base64, quoted_printable, transfer_decoded};
