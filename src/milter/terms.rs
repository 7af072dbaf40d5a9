//! The negotiation: which actions and steps of the protocol are used between the relay and us.

use super::{client, frame};

pub(super) const NEGOTIATE: u8 = b'O';

/// What we may do to a message (SMFIF): add fields, remove recipients, change fields.
const ACTIONS: u32 = 0x01 | 0x08 | 0x10;
/// We may say which macros we want (SMFIF_SETSYMLIST).
const CHOOSE_MACROS: u32 = 0x100;
/// Steps we do not need (SMFIP): end of header, unknown commands, DATA.
const SKIPPED: u32 = 0x40 | 0x100 | 0x200;
/// Steps we do not answer: header, connect, HELO, MAIL, body.
pub(super) const NO_HEADER_REPLY: u32 = 0x80;
pub(super) const NO_CONNECT_REPLY: u32 = 0x1000;
pub(super) const NO_HELO_REPLY: u32 = 0x2000;
pub(super) const NO_MAIL_REPLY: u32 = 0x4000;
pub(super) const NO_BODY_REPLY: u32 = 0x8_0000;
/// Values of fields begin with the octet after the colon (SMFIP_HDR_LEADSPC).
pub(super) const LEADING_SPACE: u32 = 0x10_0000;
/// All that we take where it is offered.
const WANTED: u32 = SKIPPED
    | NO_HEADER_REPLY
    | NO_CONNECT_REPLY
    | NO_HELO_REPLY
    | NO_MAIL_REPLY
    | NO_BODY_REPLY
    | LEADING_SPACE;
const OLDEST: u32 = 2;
const NEWEST: u32 = 6;

/// The steps as agreed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Terms(u32);

impl Terms {
    /// Takes what the relay offers (version, actions and steps, each a number of four octets)
    /// and writes what we take of it.
    ///
    /// # Errors
    /// What is missing.
    pub(super) fn agree(data: &[u8], out: &mut Vec<u8>) -> Result<Self, String> {
        let number = |at: usize| {
            let octets = data.get(at..).and_then(|rest| rest.first_chunk::<4>());
            octets.map(|octets| u32::from_be_bytes(*octets))
        };
        let (Some(version), Some(actions), Some(steps)) = (number(0), number(4), number(8)) else {
            return Err("the negotiation is too short".to_owned());
        };
        if version < OLDEST {
            return Err(format!("version {version} of the protocol is too old"));
        }
        if actions & ACTIONS != ACTIONS {
            return Err(format!(
                "the mail server offers the actions {actions:#x}; {ACTIONS:#x} are needed"
            ));
        }
        let terms = Self(steps & WANTED);
        let version = version.min(NEWEST).to_be_bytes();
        let chosen = (ACTIONS | actions & CHOOSE_MACROS).to_be_bytes();
        let mut macros = Vec::new();
        if actions & CHOOSE_MACROS != 0 {
            for (stage, names) in client::ASKED {
                macros.extend_from_slice(&stage.to_be_bytes());
                macros.extend_from_slice(names.as_bytes());
                macros.push(0);
            }
        }
        let pieces = [&version[..], &chosen, &terms.0.to_be_bytes(), &macros];
        frame::write(out, NEGOTIATE, &pieces);
        Ok(terms)
    }

    /// Is this step agreed on?
    pub(super) fn holds(self, step: u32) -> bool {
        self.0 & step != 0
    }
}
