// Which faults are listed (ListKind::faults).
#pragma once

#include <cstdint>

namespace ant::abi {

inline constexpr unsigned max_fault_records = 32;  // the newest that are kept
// As first record of a listing: only those whose number is greater than n.
inline constexpr std::uint64_t faults_after(std::uint32_t n) { return std::uint64_t{1} << 63 | n; }

}  // namespace ant::abi
