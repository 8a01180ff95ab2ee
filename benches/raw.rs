//! The yardstick of logins: the same crate's Argon2id, the same parameters, nothing around it.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};

/// Hashes per second of `threads` threads, each with its own buffer.
pub fn argon2_per_second(threads: usize, time: Duration) -> f64 {
    let hash = || {
        let params = Params::new(19_456, 2, 1, Some(32)).expect("valid parameters");
        let mut buffer = vec![Block::default(); params.block_count()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let (begun, mut hashes) = (Instant::now(), 0.0);
        while begun.elapsed() < time {
            let mut output = [0; 32];
            argon2
                .hash_password_into_with_memory(b"an owl keeps the door", &[7; 16], &mut output, &mut buffer)
                .expect("a hash");
            hashes += 1.0;
        }
        hashes / begun.elapsed().as_secs_f64()
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(hash)).collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("a count"))
            .sum()
    })
}
