// The server information table: function identifiers and who provides them.
#pragma once

#include "objects.hpp"

namespace ant::core {

// Groups are the names of slots that provide functions; rights to call are given per group.
// `kept`: groups that are not given to another name, though nobody uses them yet.
Result<u8> group_of(const char* slot_name, u64 kept = 0);

// "SLOT.something", by that slot only. Registering a name again, after the server's death or replacement, gives the same
// identifier.
Result<u32> register_function(Slot& slot, const char* name, u32 op);
Result<> withdraw_function(Slot& slot, u32 id);
void withdraw_all(Slot& slot);

struct FoundFunction {
    u32 id;
    bool provided;
};
Result<FoundFunction> find_function(const char* name);

}  // namespace ant::core
