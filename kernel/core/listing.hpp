// Records of what there is, written into an area of the asker (ant/abi/listing.hpp).
#pragma once

#include "objects.hpp"

namespace ant::core {

struct Listed {
    u32 records, record_bytes;
};
// Fills the area with records from the `start`-th on. ListKind::system with start 1 runs the audit.
Result<Listed> list_records(Slot& slot, abi::ListKind kind, u64 area, u64 start);

}  // namespace ant::core
