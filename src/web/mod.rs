//! The panel and the API: what people do not do in the mail client they do here.

pub mod preview;
