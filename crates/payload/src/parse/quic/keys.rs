//! The keys of Initial packets, which come from a connection id and protect against nothing but accident.

use super::packet::{ConnectionId, Initial, Version};
use aes_gcm::aead::array::Array;
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use aes_gcm::{AeadInOut, Aes128Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;

const SALT_DRAFT_29: [u8; 20] = [
    0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8,
    0x99,
];
const SALT_V1: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f,
    0x0a,
];
const SALT_V2: [u8; 20] = [
    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e,
    0xd9,
];
/// Octets of the sample that masks a packet's number, of a nonce, of a tag; and where the sample is, behind a number's begin.
const SAMPLE: usize = 16;
const NONCE: usize = 12;
const TAG: usize = 16;
const SAMPLE_AT: usize = 4;

/// Whose packets.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Client,
    Server,
}

/// The frames of an Initial packet; nothing where the keys do not fit.
pub(super) fn decrypt(initial: &Initial<'_>, id: &ConnectionId, side: Side) -> Option<Vec<u8>> {
    let sample: [u8; SAMPLE] = *initial.octets.get(initial.number_at + SAMPLE_AT..)?.first_chunk()?;
    let secret = secret(initial.version, id, side)?;
    let labels = match initial.version {
        Version::V2 => ["quicv2 hp", "quicv2 key", "quicv2 iv"],
        Version::V1 | Version::Draft29 => ["quic hp", "quic key", "quic iv"],
    };
    let header_key = expand::<16>(&secret, labels[0])?;
    let mut mask = Array::from(sample);
    Aes128::new(&header_key.into()).encrypt_block(&mut mask);

    let number_length = usize::from((initial.octets[0] ^ mask[0]) & 3) + 1;
    let (header, sealed) = initial.octets.split_at_checked(initial.number_at + number_length)?;
    let mut header = header.to_vec();
    header[0] ^= mask[0] & 0x0f;
    let mut nonce = expand::<NONCE>(&secret, labels[2])?;
    for at in 0..number_length {
        let octet = &mut header[initial.number_at + at];
        *octet ^= mask[1 + at];
        nonce[NONCE - number_length + at] ^= *octet;
    }
    let (sealed, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG)?)?;
    let tag: [u8; TAG] = tag.try_into().ok()?;
    let mut payload = sealed.to_vec();
    let cipher = Aes128Gcm::new(&expand::<16>(&secret, labels[1])?.into());
    cipher.decrypt_inout_detached(&nonce.into(), &header, payload.as_mut_slice().into(), &tag.into()).ok()?;
    Some(payload)
}

fn secret(version: Version, id: &ConnectionId, side: Side) -> Option<Hkdf<Sha256>> {
    let salt = match version {
        Version::Draft29 => SALT_DRAFT_29,
        Version::V1 => SALT_V1,
        Version::V2 => SALT_V2,
    };
    let initial = Hkdf::<Sha256>::new(Some(&salt), id.as_slice());
    let label = match side {
        Side::Client => "client in",
        Side::Server => "server in",
    };
    Hkdf::from_prk(&expand::<32>(&initial, label)?).ok()
}

/// HKDF-Expand-Label of TLS 1.3, without context.
fn expand<const LENGTH: usize>(secret: &Hkdf<Sha256>, label: &str) -> Option<[u8; LENGTH]> {
    const PREFIX: &str = "tls13 ";
    let length = u16::try_from(LENGTH).ok()?.to_be_bytes();
    let label_length = [u8::try_from(PREFIX.len() + label.len()).ok()?];
    let mut octets = [0; LENGTH];
    let info = [&length[..], &label_length, PREFIX.as_bytes(), label.as_bytes(), &[0]];
    secret.expand_multi_info(&info, &mut octets).ok()?;
    Some(octets)
}
