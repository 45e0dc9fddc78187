use super::*;
use proptest::prelude::*;
use std::f64::consts::TAU;

const CODECS: [Codec; 7] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::Opus,
    Codec::L16 { rate: 16_000, channels: 1 },
    Codec::ComfortNoise,
    Codec::TELEPHONE_EVENT,
];

pub(super) fn sine(hz: f64, rate: u32, samples: usize) -> Vec<i16> {
    let step = TAU * hz / f64::from(rate);
    (0..samples).map(|n| ((step * n as f64).sin() * 12_000.0) as i16).collect()
}

/// Signal to noise in dB of `wave` as a sine of `hz`: what the best fit of that frequency leaves over is the noise.
pub(super) fn sine_snr(wave: &[i16], hz: f64, rate: u32) -> f64 {
    let step = TAU * hz / f64::from(rate);
    let (mut ss, mut cc, mut sc, mut xs, mut xc, mut xx) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (index, sample) in wave.iter().enumerate() {
        let (sin, cos) = (step * index as f64).sin_cos();
        let x = f64::from(*sample);
        (ss, cc, sc) = (ss + sin * sin, cc + cos * cos, sc + sin * cos);
        (xs, xc, xx) = (xs + x * sin, xc + x * cos, xx + x * x);
    }
    let determinant = ss * cc - sc * sc;
    let (a, b) = ((xs * cc - xc * sc) / determinant, (xc * ss - xs * sc) / determinant);
    let signal = a * xs + b * xc;
    10.0 * (signal / (xx - signal).max(1e-9)).log10()
}

fn correlation(a: &[i16], b: &[i16]) -> f64 {
    let dot = |x: &[i16], y: &[i16]| {
        x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Encodes and decodes in frames of 20 ms.
fn round_trip(codec: Codec, wave: &[i16]) -> Vec<i16> {
    let (mut encoder, mut decoder) = (Encoder::new(codec).unwrap(), Decoder::new(codec).unwrap());
    let mut heard = Vec::new();
    for frame in wave.chunks_exact(codec.sample_rate() as usize / 50) {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload).unwrap();
        decoder.decode(&payload, &mut heard).unwrap();
    }
    heard
}

#[test]
fn a_sine_survives_each_telephone_codec() {
    for (codec, at_least_db) in [
        (Codec::Pcmu, 36.0),
        (Codec::Pcma, 36.0),
        (Codec::G722, 35.0),
        (Codec::L16 { rate: 16_000, channels: 1 }, 70.0),
        (Codec::L16 { rate: 8_000, channels: 2 }, 70.0),
    ] {
        let rate = codec.sample_rate();
        let heard = round_trip(codec, &sine(1004.0, rate, rate as usize));
        assert_eq!(heard.len(), rate as usize, "{codec}");
        let settled = &heard[rate as usize / 4..];
        let snr = sine_snr(settled, 1004.0, rate);
        assert!(snr > at_least_db, "{codec}: {snr:.1} dB");
    }
}

#[test]
fn g722_agrees_bit_for_bit_with_an_independent_implementation() {
    // A saw-tooth under noise that swells: 200 ms that reach every part of the predictor. The sums are those of what
    // SpanDSP 0.0.6 makes of it (g722_encode and g722_decode at 64 kbit/s, not packed); FFmpeg decodes it to the same.
    let mut state = 1u32;
    let signal: Vec<i16> = (0..3200)
        .map(|n| {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7fff_ffff;
            let noise = (state >> 16 & 0x3fff).cast_signed() - 8192;
            ((noise * (n % 640)).div_euclid(640) + (n * 37 % 400 - 200) * 60) as i16
        })
        .collect();
    let (mut payload, mut heard) = (Vec::new(), Vec::new());
    Encoder::new(Codec::G722).unwrap().encode(&signal, &mut payload).unwrap();
    Decoder::new(Codec::G722).unwrap().decode(&payload, &mut heard).unwrap();
    let heard: Vec<u8> = heard.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    assert_eq!((payload.len(), fnv(&payload)), (1600, 0x612b_bc1e_1725_aafb));
    assert_eq!((heard.len(), fnv(&heard)), (6400, 0xc5a6_3c38_e56b_2c79));
}

/// The 64-bit FNV-1a sum.
fn fnv(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[test]
fn g722_carries_what_lies_above_the_telephone_band() {
    let heard = round_trip(Codec::G722, &sine(5500.0, 16_000, 16_000));
    let snr = sine_snr(&heard[4000..], 5500.0, 16_000);
    assert!(snr > 15.0, "{snr:.1} dB");
}

#[test]
fn opus_gives_back_what_was_spoken() {
    // Three tones that come and go like syllables: the correlation has one clear maximum.
    let wave: Vec<i16> = (0..48_000)
        .map(|n| {
            let t = f64::from(n) / 48_000.0;
            let voice = (TAU * 210.0 * t).sin()
                + 0.6 * (TAU * 730.0 * t).sin()
                + 0.3 * (TAU * 1900.0 * t).sin();
            (voice * (TAU * 3.0 * t).sin() * 8_000.0) as i16
        })
        .collect();
    let heard = round_trip(Codec::Opus, &wave);
    assert_eq!(heard.len(), wave.len());
    let best = (0..960)
        .map(|delay| correlation(&wave[..40_000], &heard[delay..delay + 40_000]))
        .fold(0.0, f64::max);
    assert!(best > 0.98, "correlation {best:.4}");
}

#[test]
fn opus_decodes_straight_to_the_rate_that_is_wanted() {
    let mut encoder = Encoder::new(Codec::Opus).unwrap();
    let mut decoder = Decoder::near_rate(Codec::Opus, 16_000).unwrap();
    assert_eq!(decoder.sample_rate(), 16_000);
    let mut heard = Vec::new();
    for frame in sine(440.0, 48_000, 48_000).chunks_exact(960) {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload).unwrap();
        decoder.decode(&payload, &mut heard).unwrap();
    }
    assert_eq!(heard.len(), 16_000);
    let snr = sine_snr(&heard[8000..], 440.0, 16_000);
    assert!(snr > 15.0, "{snr:.1} dB");
}

#[test]
fn a_codec_that_cannot_decode_to_the_wanted_rate_keeps_its_own() {
    for codec in CODECS.into_iter().filter(|codec| codec.is_audio()) {
        let decoder = Decoder::near_rate(codec, 11_025).unwrap();
        assert_eq!(decoder.sample_rate(), codec.sample_rate(), "{codec}");
    }
}

#[test]
fn what_is_no_audio_is_neither_decoded_nor_encoded() {
    for codec in [Codec::ComfortNoise, Codec::TELEPHONE_EVENT] {
        assert_eq!(Decoder::new(codec).err(), Some(CodecError::NotAudio(codec)));
        assert_eq!(Encoder::new(codec).err(), Some(CodecError::NotAudio(codec)));
    }
}

#[test]
fn a_bad_payload_leaves_the_output_as_it_was() {
    for (codec, payload) in [
        (Codec::L16 { rate: 8000, channels: 1 }, vec![1, 2, 3]),
        (Codec::L16 { rate: 8000, channels: 2 }, vec![1, 2, 3, 4, 5, 6]),
        (Codec::Opus, vec![]),
        // RFC 6716 §3.2.5: code 3 with a frame count of zero.
        (Codec::Opus, vec![0x03, 0x00, 0x01]),
    ] {
        let mut out = vec![7];
        assert!(Decoder::new(codec).unwrap().decode(&payload, &mut out).is_err(), "{codec}");
        assert_eq!(out, [7]);
    }
    let mut out = vec![7];
    assert!(Encoder::new(Codec::Opus).unwrap().encode(&[0; 123], &mut out).is_err());
    assert!(Encoder::new(Codec::G722).unwrap().encode(&[0; 3], &mut out).is_err());
    assert_eq!(out, [7]);
}

#[test]
fn two_channels_become_their_mean() {
    let mut out = Vec::new();
    let payload: Vec<u8> =
        [1000i16, 3000, -5, -5].iter().flat_map(|sample| sample.to_be_bytes()).collect();
    Decoder::new(Codec::L16 { rate: 8000, channels: 2 })
        .unwrap()
        .decode(&payload, &mut out)
        .unwrap();
    assert_eq!(out, [2000, -5]);
}

#[test]
fn a_codec_is_found_again_by_what_it_prints() {
    for codec in CODECS {
        let text = codec.to_string();
        let mut parts = text.split('/');
        let (name, rate) = (parts.next().unwrap(), parts.next().unwrap().parse().unwrap());
        let channels = parts.next().map_or(1, |channels| channels.parse().unwrap());
        assert_eq!(Codec::from_rtpmap(&name.to_lowercase(), rate, channels), Some(codec), "{text}");
        if let Some(number) = codec.static_payload_type() {
            assert_eq!(Codec::from_static_payload_type(number), Some(codec));
        }
    }
    for (name, rate, channels) in [
        ("PCMU", 16_000, 1),
        ("opus", 16_000, 2),
        ("L16", 12_345, 1),
        ("L16", 8000, 3),
        ("G729", 8000, 1),
    ] {
        assert_eq!(Codec::from_rtpmap(name, rate, channels), None, "{name}/{rate}/{channels}");
    }
}

proptest! {
    #[test]
    fn no_payload_makes_a_decoder_panic(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..8)) {
        for codec in CODECS.into_iter().filter(|codec| codec.is_audio()) {
            let mut decoder = Decoder::new(codec).unwrap();
            let mut out = Vec::new();
            for payload in &payloads {
                let before = out.len();
                if decoder.decode(payload, &mut out).is_err() {
                    prop_assert_eq!(out.len(), before);
                }
            }
        }
    }

    #[test]
    fn no_damaged_opus_packet_makes_the_decoder_panic(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>()) {
        let mut encoder = Encoder::new(Codec::Opus).unwrap();
        let mut decoder = Decoder::near_rate(Codec::Opus, 16_000).unwrap();
        let mut out = Vec::new();
        for (frame, (at, byte)) in sine(440.0, 48_000, 960 * 6).chunks_exact(960).zip(&damage) {
            let mut payload = Vec::new();
            encoder.encode(frame, &mut payload).unwrap();
            let at = at.index(payload.len());
            payload[at] = *byte;
            payload.truncate(cut.index(payload.len()) + 1);
            let _ = decoder.decode(&payload, &mut out);
        }
    }
}
