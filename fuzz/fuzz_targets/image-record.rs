#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| m2ib_tests::readers::check("image-record", bytes));
