//! Reads from an ELF header whether a program will run in Lambda's bare environment.

use crate::bootstrap::Arch;

const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const PT_INTERP: u32 = 3;

/// Checks that the bytes are a statically linked Linux executable for an architecture. The error
/// says what they are instead.
pub(crate) fn check_static_executable(bytes: &[u8], arch: Arch) -> Result<(), String> {
    if !bytes.starts_with(b"\x7fELF") {
        let what = match bytes {
            [b'#', b'!', ..] => "a script",
            [0xcf, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => "a macOS program",
            [b'M', b'Z', ..] => "a Windows program",
            [] => "an empty file",
            _ => "something else",
        };
        return Err(format!("it is {what}, not a Linux executable (ELF)"));
    }
    if bytes.get(4..6) != Some(&[2, 1]) {
        return Err("it is not a 64-bit little-endian executable".to_owned());
    }
    let kind = number::<2>(bytes, 16).map(|n| n as u16);
    if !matches!(kind, Some(ET_EXEC | ET_DYN)) {
        return Err("it is an object file or a core dump, not an executable".to_owned());
    }
    let machine = number::<2>(bytes, 18).map(|n| n as u16);
    let found = match machine {
        Some(EM_X86_64) => Some(Arch::X86_64),
        Some(EM_AARCH64) => Some(Arch::Arm64),
        _ => None,
    };
    if found != Some(arch) {
        let found = match (found, machine) {
            (Some(found), _) => found.to_string(),
            (None, Some(machine)) => format!("machine number {machine}"),
            (None, None) => "an unknown machine".to_owned(),
        };
        return Err(format!("it is built for {found}, not for {arch}"));
    }
    let cut_off = || "its program headers are cut off".to_owned();
    let table = number::<8>(bytes, 32).ok_or_else(cut_off)?;
    let size = number::<2>(bytes, 54).ok_or_else(cut_off)?;
    let count = number::<2>(bytes, 56).ok_or_else(cut_off)?;
    for index in 0..count {
        let at = usize::try_from(table.saturating_add(index * size)).map_err(|_| cut_off())?;
        let kind = number::<4>(bytes, at).ok_or_else(cut_off)?;
        if kind == u64::from(PT_INTERP) {
            return Err("it is dynamically linked, and Lambda may not have its libraries; \
                        build it for a musl target"
                .to_owned());
        }
    }
    Ok(())
}

/// A little-endian number of `SIZE` bytes.
fn number<const SIZE: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let found = bytes.get(at..at.checked_add(SIZE)?)?;
    let mut number = [0; 8];
    number[..SIZE].copy_from_slice(found);
    Some(u64::from_le_bytes(number))
}

/// The smallest header that passes, for tests.
#[cfg(test)]
pub(crate) fn smallest(machine: u16, program_header: u32) -> Vec<u8> {
    let mut bytes = vec![0; 64 + 56];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[16..18].copy_from_slice(&ET_EXEC.to_le_bytes());
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
    bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
    bytes[56..58].copy_from_slice(&1_u16.to_le_bytes());
    bytes[64..68].copy_from_slice(&program_header.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_executable_of_the_right_kind_passes() {
        assert_eq!(check_static_executable(&smallest(EM_X86_64, 1), Arch::X86_64), Ok(()));
        assert_eq!(check_static_executable(&smallest(EM_AARCH64, 1), Arch::Arm64), Ok(()));
    }

    #[test]
    fn anything_else_is_refused_by_what_it_is() {
        let mut object = smallest(EM_X86_64, 1);
        object[16] = 1;
        let cut_off = &smallest(EM_X86_64, 1)[..66];
        for (bytes, says) in [
            (&b"#!/bin/sh\n"[..], "it is a script"),
            (b"", "an empty file"),
            (b"MZ\x90", "a Windows program"),
            (b"\x7fELF\x01\x01", "64-bit"),
            (&object, "object file"),
            (cut_off, "cut off"),
            (&smallest(EM_AARCH64, 1), "built for arm64, not for x86_64"),
            (&smallest(243, 1), "machine number 243"),
            (&smallest(EM_X86_64, PT_INTERP), "dynamically linked"),
        ] {
            let refusal = check_static_executable(bytes, Arch::X86_64).expect_err(says);
            assert!(refusal.contains(says), "{refusal}");
        }
    }
}
