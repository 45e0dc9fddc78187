#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sidestream_fuzz::registrar(data));
