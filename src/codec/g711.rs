//! G.711 by table: ITU-T G.711, bit-exact with the reference of G.191.

const ULAW_TO_LINEAR: [i16; 256] = ulaw_to_linear();
const ALAW_TO_LINEAR: [i16; 256] = alaw_to_linear();
/// By the upper 14 bits of the sample.
static LINEAR_TO_ULAW: [u8; 16_384] = linear_to_ulaw();
/// By the upper 12 bits of the sample.
static LINEAR_TO_ALAW: [u8; 4_096] = linear_to_alaw();

/// µ-law silence: positive zero.
pub const ULAW_SILENCE: u8 = 0xff;
/// A-law silence: the smallest positive value.
pub const ALAW_SILENCE: u8 = 0xd5;

/// The sample of a µ-law byte.
#[inline]
pub const fn ulaw_decode(byte: u8) -> i16 {
    ULAW_TO_LINEAR[byte as usize]
}

/// The sample of an A-law byte.
#[inline]
pub const fn alaw_decode(byte: u8) -> i16 {
    ALAW_TO_LINEAR[byte as usize]
}

/// The µ-law byte nearest to a sample.
#[inline]
pub fn ulaw_encode(sample: i16) -> u8 {
    LINEAR_TO_ULAW[usize::from(sample.cast_unsigned() >> 2)]
}

/// The A-law byte nearest to a sample.
#[inline]
pub fn alaw_encode(sample: i16) -> u8 {
    LINEAR_TO_ALAW[usize::from(sample.cast_unsigned() >> 4)]
}

const fn ulaw_to_linear() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let inverted = !(byte as u8);
        let (exponent, mantissa) = ((inverted >> 4) & 7, (inverted & 0x0f) as i16);
        let magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84;
        table[byte] = if byte < 128 { -magnitude } else { magnitude };
        byte += 1;
    }
    table
}

const fn alaw_to_linear() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let plain = byte as u8 ^ 0x55;
        let (exponent, mantissa) = ((plain >> 4) & 7, (plain & 0x0f) as i32);
        let magnitude = match exponent {
            0 => (mantissa << 4) + 8,
            _ => ((mantissa << 4) + 0x108) << (exponent - 1),
        };
        table[byte] = if plain & 0x80 == 0 { -magnitude as i16 } else { magnitude as i16 };
        byte += 1;
    }
    table
}

const fn linear_to_ulaw() -> [u8; 16_384] {
    let mut table = [0; 16_384];
    let mut index = 0;
    while index < 16_384 {
        let negative = index >= 8_192;
        // One's complement of the 14-bit value, as G.191 does it: -1 is the negative zero.
        let magnitude = if negative { 16_383 - index } else { index } as u32 + 33;
        let magnitude = if magnitude > 0x1fff { 0x1fff } else { magnitude };
        let exponent = magnitude.ilog2() - 5;
        let mantissa = (magnitude >> (exponent + 1)) & 0x0f;
        let byte = !((exponent << 4 | mantissa) as u8);
        table[index] = if negative { byte & 0x7f } else { byte | 0x80 };
        index += 1;
    }
    table
}

const fn linear_to_alaw() -> [u8; 4_096] {
    let mut table = [0; 4_096];
    let mut index = 0;
    while index < 4_096 {
        let negative = index >= 2_048;
        let magnitude = if negative { 4_095 - index } else { index } as u32;
        let byte = if magnitude < 32 {
            magnitude
        } else {
            let exponent = magnitude.ilog2() - 3;
            exponent << 4 | (magnitude >> (exponent - 1)) & 0x0f
        } as u8;
        table[index] = if negative { byte ^ 0x55 } else { (byte | 0x80) ^ 0x55 };
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g711_bytes_decode_to_the_values_of_the_recommendation() {
        // ITU-T G.711 tables 1 and 2, scaled to 16 bits as in G.191.
        for (byte, sample) in [
            (0x00, -32124),
            (0x80, 32124),
            (0x8f, 16764),
            (0x7f, 0),
            (0xff, 0),
            (0xfe, 8),
            (0x7e, -8),
        ] {
            assert_eq!(ulaw_decode(byte), sample, "µ-law {byte:#04x}");
        }
        for (byte, sample) in
            [(0x55, -8), (0xd5, 8), (0xd4, 24), (0x2a, -32256), (0xaa, 32256), (0x80, 5504)]
        {
            assert_eq!(alaw_decode(byte), sample, "A-law {byte:#04x}");
        }
        for (sample, byte) in
            [(0, 0xff), (-1, 0x7f), (32767, 0x80), (-32768, 0x00), (1000, 0xce), (-1000, 0x4e)]
        {
            assert_eq!(ulaw_encode(sample), byte, "µ-law of {sample}");
        }
        for (sample, byte) in
            [(0, 0xd5), (-1, 0x55), (32767, 0xaa), (-32768, 0x2a), (1000, 0xfa), (-1000, 0x7a)]
        {
            assert_eq!(alaw_encode(sample), byte, "A-law of {sample}");
        }
        assert_eq!((ulaw_decode(ULAW_SILENCE), alaw_decode(ALAW_SILENCE)), (0, 8));
    }

    #[test]
    fn every_g711_byte_survives_being_decoded_and_encoded() {
        for byte in 0..=255 {
            assert_eq!(alaw_encode(alaw_decode(byte)), byte);
            // µ-law has two zeros; the negative one comes back as the positive.
            assert_eq!(ulaw_encode(ulaw_decode(byte)), if byte == 0x7f { 0xff } else { byte });
        }
    }

    #[test]
    fn g711_errs_by_half_a_step_at_most() {
        for sample in i16::MIN..=i16::MAX {
            let error =
                |decoded: i16| u32::from(i32::from(decoded).abs_diff(i32::from(sample)) as u16);
            let magnitude = u32::from(sample.unsigned_abs());
            // Sixteen steps to a segment, and a segment begins at 16 of its own steps (µ-law: less the bias of 132).
            assert!(
                error(ulaw_decode(ulaw_encode(sample))) <= (magnitude + 132) / 32 + 1,
                "{sample}"
            );
            assert!(
                error(alaw_decode(alaw_encode(sample))) <= (magnitude / 32 + 1).max(8),
                "{sample}"
            );
        }
    }
}
