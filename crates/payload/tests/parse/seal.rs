//! Initial packets made by hand: sealed as RFC 9001, 5 has it, for version 1.

use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use aes_gcm::{AeadInOut, Aes128Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;

const SALT: [u8; 20] = *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";

/// Who seals, and under which connection id.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    pub(crate) label: &'static str,
    pub(crate) id: &'a [u8],
}

fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &str) -> [u8; N] {
    let label = format!("tls13 {label}");
    let info = [&(N as u16).to_be_bytes()[..], &[label.len() as u8], label.as_bytes(), &[0]].concat();
    let mut octets = [0; N];
    secret.expand(&info, &mut octets).expect("a short key");
    octets
}

/// An Initial packet to `destination` with these frames, padded so that there is a sample for the header's mask.
pub(crate) fn initial(keys: Keys<'_>, destination: &[u8], number: u8, frames: &[u8]) -> Vec<u8> {
    let secret = Hkdf::<Sha256>::new(Some(&SALT), keys.id);
    let secret = Hkdf::from_prk(&expand::<32>(&secret, keys.label)).expect("a secret");
    let mut sealed = frames.to_vec();
    sealed.resize(frames.len().max(3), 0);
    let length = 0x4000 | (1 + sealed.len() + 16) as u16;
    let source = [3, 7, 7, 7];
    let mut packet = [&[0xc0, 0, 0, 0, 1, destination.len() as u8][..], destination, &source, &[0]].concat();
    packet.extend(length.to_be_bytes());
    let number_at = packet.len();
    packet.push(number);
    let mut nonce = expand::<12>(&secret, "quic iv");
    nonce[11] ^= number;
    let cipher = Aes128Gcm::new(&expand::<16>(&secret, "quic key").into());
    let tag = cipher.encrypt_inout_detached(&nonce.into(), &packet, sealed.as_mut_slice().into()).expect("short");
    packet.extend(sealed);
    packet.extend(tag);
    let sample: [u8; 16] = packet[number_at + 4..][..16].try_into().expect("16 octets");
    let mut mask = sample.into();
    Aes128::new(&expand::<16>(&secret, "quic hp").into()).encrypt_block(&mut mask);
    packet[0] ^= mask[0] & 0x0f;
    packet[number_at] ^= mask[1];
    packet
}

/// A CRYPTO frame.
pub(crate) fn crypto(offset: usize, octets: &[u8]) -> Vec<u8> {
    let number = |number: usize| (0x4000 | number as u16).to_be_bytes();
    [&[6][..], &number(offset), &number(octets.len()), octets].concat()
}
