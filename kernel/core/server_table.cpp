#include "server_table.hpp"

namespace ant::core {

namespace {

constinit char groups[max_groups][abi::name_bytes] = {};

// A group that no live slot provides or may call, with no function left that somebody provides.
bool in_use(u8 group) {
    for (const Slot& slot : slots)
        if (slot.alive && (slot.group == group || (slot.callees >> group & 1) != 0)) return true;
    return false;
}

Function* entry_of(u32 id) {
    Function& f = functions[id & (max_functions - 1)];
    return id != 0 && f.id == id ? &f : nullptr;
}

// A free entry, or one that nobody provides: its old identifier becomes unknown.
Function* free_entry() {
    for (Function& f : functions)
        if (f.id == 0) return &f;
    for (Function& f : functions)
        if (f.slot == nullptr) return &f;
    return nullptr;
}

Function* by_name(const char* name) {
    for (Function& f : functions)
        if (f.name[0] != 0 && same_name(f.name, name)) return &f;
    return nullptr;
}

bool belongs_to(const char* name, const Slot& slot) {
    unsigned i = 0;
    while (slot.name[i] != 0 && name[i] == slot.name[i]) ++i;
    return slot.name[i] == 0 && name[i] == '.' && name[i + 1] != 0;
}

}  // namespace

Result<u8> group_of(const char* slot_name) {
    u8 place = max_groups;
    for (u8 i = 0; i < max_groups; ++i) {
        if (same_name(groups[i], slot_name)) return i;
        if (place == max_groups && groups[i][0] == 0) place = i;
    }
    for (u8 i = 0; place == max_groups && i < max_groups; ++i)
        if (!in_use(i)) place = i;
    if (place == max_groups) return Failure(Error::too_many);
    for (Function& f : functions)  // of the group that was here before
        if (f.id != 0 && f.group == place && f.slot == nullptr) f = {};
    copy_name(groups[place], slot_name);
    return place;
}

Result<u32> register_function(Slot& slot, const char* name, u32 op) {
    if (op > 255 || !belongs_to(name, slot)) return Failure(Error::invalid_argument);
    Function* f = by_name(name);
    if (f == nullptr) {
        if (slot.group == 0xff) slot.group = ANT_TRY(group_of(slot.name));
        f = free_entry();
        if (f == nullptr) return Failure(Error::too_many);
        static constinit u32 generation = 0;
        generation = (generation + 1) & 0x3f'ffff;
        f->id = static_cast<u32>(f - functions) | (generation + 1) << 9;
        copy_name(f->name, name);
        f->group = slot.group;
        f->right = u64{1} << slot.group;
    } else if (f->slot == &slot) {
        if (f->op != op) return Failure(Error::exists);
        return f->id;
    } else if (f->slot != nullptr) {
        return Failure(Error::exists);
    }
    slot.group = f->group;
    f->op = static_cast<u16>(op);
    f->slot = &slot;
    f->identity = slot.id() | u64{f->id} << 32;
    ++slot.function_count;
    return f->id;
}

Result<> withdraw_function(Slot& slot, u32 id) {
    Function* f = entry_of(id);
    if (f == nullptr) return Failure(Error::not_found);
    if (f->slot != &slot) return Failure(Error::not_owner);
    f->slot = nullptr;
    --slot.function_count;
    return {};
}

void withdraw_all(Slot& slot) {
    for (Function& f : functions)
        if (f.slot == &slot) f.slot = nullptr;
    slot.function_count = 0;
}

Result<FoundFunction> find_function(const char* name) {
    const Function* f = by_name(name);
    if (f == nullptr) return Failure(Error::not_found);
    return FoundFunction{f->id, f->slot != nullptr};
}

}  // namespace ant::core
